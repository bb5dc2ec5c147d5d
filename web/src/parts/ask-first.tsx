/** A button for what cannot be undone: says what will happen, and does it only when told again. */

import { Button, type ButtonProps, Group, Modal, Text } from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import { type ReactElement, type ReactNode, useState } from 'react';
import { Failure } from './answered.tsx';

interface AskFirstProps {
  /** On the button. */
  readonly words: string;
  /** The question: "Delete train.jsonl?" */
  readonly question: string;
  /** What will happen, and what will not. */
  readonly consequences: ReactNode;
  /** On the button that does it; "Delete". */
  readonly verb: string;
  readonly onSure: () => Promise<unknown>;
  readonly button?: ButtonProps & { readonly 'aria-label'?: string };
}

export function AskFirst({ words, question, consequences, verb, onSure, button }: AskFirstProps): ReactElement {
  const [isOpen, dialog] = useDisclosure(false);
  const [error, setError] = useState<unknown>(null);
  const [isBusy, setBusy] = useState(false);

  async function act(): Promise<void> {
    setBusy(true);
    setError(null);
    try {
      await onSure();
      dialog.close();
    } catch (cause) {
      setError(cause);
    } finally {
      setBusy(false);
    }
  }

  return (
    <>
      <Button variant="default" size="xs" {...button} onClick={dialog.open}>
        {words}
      </Button>
      <Modal
        opened={isOpen}
        onClose={dialog.close}
        title={question}
        centered
        closeButtonProps={{ 'aria-label': 'Close' }}
      >
        <Text size="sm" mb="lg" component="div">
          {consequences}
        </Text>
        {error !== null && <Failure error={error} />}
        <Group justify="flex-end" gap="xs">
          <Button variant="default" onClick={dialog.close} data-autofocus>
            Keep
          </Button>
          <Button color="red.8" loading={isBusy} onClick={() => void act()}>
            {verb}
          </Button>
        </Group>
      </Modal>
    </>
  );
}
