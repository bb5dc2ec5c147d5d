/** The user's key for the platform that is left: typed here, handed to the server's memory, kept nowhere. */

import { PasswordInput } from '@mantine/core';
import type { ReactElement } from 'react';

interface KeyFieldProps {
  readonly value: string;
  readonly onChange: (key: string) => void;
  readonly error?: string | null;
}

export function KeyField({ value, onChange, error }: KeyFieldProps): ReactElement {
  return (
    <PasswordInput
      label="OpenAI key"
      description="Used to read, and forgotten when the work has ended: it is kept in memory only, never on the disk."
      placeholder="sk-…"
      value={value}
      onChange={(event) => onChange(event.currentTarget.value)}
      autoComplete="off"
      spellCheck={false}
      data-1p-ignore
      data-lpignore="true"
      error={error}
      maw={460}
      visibilityToggleButtonProps={{ 'aria-label': 'Show or hide the key' }}
    />
  );
}
