/** A link that saves a file where the user's downloads go; the browser streams it, however large it is. */

import { Button, type ButtonProps } from '@mantine/core';
import { IconDownload } from '@tabler/icons-react';
import type { ReactElement } from 'react';
import type { FileObject } from '../../../../src/domain/file.ts';

export const contentAddress = (id: string): string => `/v1/files/${encodeURIComponent(id)}/content`;

interface DownloadProps extends ButtonProps {
  readonly file: FileObject;
  readonly words: string;
}

export function Download({ file, words, ...rest }: DownloadProps): ReactElement {
  return (
    <Button
      variant="default"
      leftSection={<IconDownload size={16} aria-hidden />}
      {...rest}
      component="a"
      href={contentAddress(file.id)}
      download={file.filename}
    >
      {words}
    </Button>
  );
}
