/**
 * An answer token by token: pointed at, or reached with the arrow keys, each says how probable it was and what else
 * could have stood there. The text itself stays text, for reading and for screen readers.
 */

import { Box, Text } from '@mantine/core';
import {
  type KeyboardEvent,
  memo,
  type PointerEvent,
  type ReactElement,
  useLayoutEffect,
  useRef,
  useState,
} from 'react';
import { percent } from '../../parts/numbers.ts';
import type { Answer, Token } from './answers.ts';
import classes from './playground.module.css';

export function Tokens({ model, blocks }: Pick<Answer, 'model' | 'blocks'>): ReactElement {
  const [at, setAt] = useState<number | null>(null);
  const box = useRef<HTMLDivElement>(null);
  const card = useRef<HTMLDivElement>(null);
  const tokens = blocks.flat();
  const token = at === null ? undefined : tokens[at];

  useLayoutEffect(() => {
    for (const before of box.current!.querySelectorAll('[data-active]')) before.removeAttribute('data-active');
    const place = box.current!.querySelector<HTMLElement>(`[data-at="${at}"]`);
    if (place === null || card.current === null) return;
    place.dataset['active'] = 'true';
    const { style, offsetWidth } = card.current;
    style.left = `${Math.max(0, Math.min(place.offsetLeft, box.current!.clientWidth - offsetWidth))}px`;
    style.top = `${place.offsetTop + place.offsetHeight + 6}px`;
  }, [at]);

  function point(event: PointerEvent): void {
    const found = (event.target as HTMLElement).closest<HTMLElement>('[data-at]');
    if (found !== null) setAt(Number(found.dataset['at']));
  }

  function press(event: KeyboardEvent): void {
    const last = tokens.length - 1;
    const from = at ?? 0;
    const moves: Readonly<Record<string, number | null>> = {
      ArrowRight: Math.min(last, from + 1),
      ArrowLeft: Math.max(0, from - 1),
      Home: 0,
      End: last,
      Escape: null,
    };
    if (!Object.hasOwn(moves, event.key) || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    setAt(moves[event.key]!);
  }

  return (
    <Box
      ref={box}
      className={classes['tokens']}
      tabIndex={0}
      role="group"
      aria-label={`Answer of ${model}. The arrow keys go from token to token and tell how probable each was.`}
      onPointerOver={point}
      onPointerLeave={() => setAt(null)}
      onFocus={() => setAt((now) => now ?? 0)}
      onBlur={() => setAt(null)}
      onKeyDown={press}
    >
      {blocks.map((block, i) => (
        <Block key={i} tokens={block} from={i * (blocks[0]?.length ?? 0)} />
      ))}
      <div role="status" ref={card} className={classes['card']} hidden={token === undefined}>
        {token !== undefined && <Chances token={token} />}
      </div>
    </Box>
  );
}

const Block = memo(({ tokens, from }: { readonly tokens: readonly Token[]; readonly from: number }): ReactElement => (
  <>
    {tokens.map(({ text, probability }, i) => (
      <span key={i} data-at={from + i} data-doubt={doubtOf(probability)}>
        {text}
      </span>
    ))}
  </>
));
Block.displayName = 'Block';

/** Only what was unlikely is marked: most words could well have been others. */
const doubtOf = (probability: number): number => (probability > 0.3 ? 0 : probability > 0.1 ? 1 : 2);

function Chances({ token: { name, probability, others } }: { readonly token: Token }): ReactElement {
  const all = others.some((each) => each.name === name) ? others : [{ name, probability }, ...others];
  return (
    <>
      <Text size="xs" c="dimmed" mb={4}>
        Token <span className="mono">{shown(name)}</span>: {percent(probability)}
      </Text>
      {all.map((each) => (
        <div key={each.name} className={classes['chance']} data-chosen={each.name === name}>
          <span className={`mono ${classes['name']}`}>{shown(each.name)}</span>
          <span className="figures">{percent(each.probability)}</span>
          <span className={classes['bar']} style={{ width: `${Math.max(1, 100 * each.probability)}%` }} aria-hidden />
        </div>
      ))}
    </>
  );
}

/** White space that one can see. */
const shown = (name: string): string => {
  const visible = name.replaceAll(' ', '␣').replaceAll('\n', '↵').replaceAll('\t', '⇥');
  return visible === '' ? '(end)' : visible.length > 24 ? `${visible.slice(0, 23)}…` : visible;
};
