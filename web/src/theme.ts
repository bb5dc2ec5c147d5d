/**
 * How the dashboard looks: one accent, much space, figures that line up.
 *
 * Greys are darker in light and lighter in dark than Mantine's own, whose dimmed text is too pale to read (WCAG AA).
 */

import { createTheme, type CSSVariablesResolver, type MantineColorsTuple } from '@mantine/core';

const ink: MantineColorsTuple = [
  '#eef2ff',
  '#dde5fb',
  '#b8c7f3',
  '#90a7ec',
  '#6f8ce6',
  '#5b7ae2',
  '#3f62d9',
  '#3457d5',
  '#2746b4',
  '#1c3793',
];

export const theme = createTheme({
  primaryColor: 'ink',
  primaryShade: { light: 7, dark: 6 },
  colors: { ink },
  defaultRadius: 'md',
  cursorType: 'pointer',
  fontFamily: 'ui-sans-serif, system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", sans-serif',
  fontFamilyMonospace: 'ui-monospace, SFMono-Regular, Menlo, "DejaVu Sans Mono", monospace',
  headings: {
    fontWeight: '600',
    sizes: {
      h1: { fontSize: '1.5rem', lineHeight: '1.3' },
      h2: { fontSize: '1.125rem', lineHeight: '1.4' },
      h3: { fontSize: '1rem', lineHeight: '1.4' },
    },
  },
  components: {
    Tooltip: { defaultProps: { withArrow: true, openDelay: 300, events: { hover: true, focus: true, touch: true } } },
    Table: { defaultProps: { verticalSpacing: 'sm', horizontalSpacing: 'md' } },
    Anchor: { defaultProps: { underline: 'hover' } },
    // A dialog's head is none of the page's.
    Modal: { defaultProps: { attributes: { header: { role: 'presentation' } } } },
  },
});

export const cssVariables: CSSVariablesResolver = () => ({
  variables: {},
  light: {
    '--mantine-color-body': '#fbfbfc',
    '--mantine-color-text': '#1d2129',
    '--mantine-color-dimmed': '#565d6b',
    '--mantine-color-placeholder': '#646b79',
    '--mantine-color-error': '#c02626',
    '--mantine-color-anchor': '#2746b4',
    '--panel': '#ffffff',
    '--line': '#e4e6ea',
    '--good': '#0b6e4f',
    '--busy': '#2746b4',
    '--wait': '#8a5a00',
    '--bad': '#b42318',
    '--quiet': '#565d6b',
  },
  dark: {
    '--mantine-color-body': '#15171b',
    '--mantine-color-text': '#e4e6ea',
    '--mantine-color-dimmed': '#a4abb8',
    '--mantine-color-placeholder': '#99a0ad',
    '--mantine-color-error': '#ff8f85',
    '--mantine-color-anchor': '#9db3f5',
    '--panel': '#1c1f24',
    '--line': '#2f343c',
    '--good': '#5fd3a6',
    '--busy': '#9db3f5',
    '--wait': '#f0b849',
    '--bad': '#ff8f85',
    '--quiet': '#a4abb8',
  },
});

/** Lines of charts, in order: told apart by every kind of colour-blindness, and by their dashes where there is no colour. */
export const lineColours: Readonly<Record<'light' | 'dark', readonly string[]>> = {
  light: ['#0060a8', '#c44e00', '#00805c', '#a2407f', '#7a6300', '#3b3b3b'],
  dark: ['#56b4e9', '#f09a4a', '#3cc79b', '#e28fc0', '#e6d24a', '#d0d0d0'],
};
export const lineDashes: readonly (readonly number[])[] = [[], [7, 4], [2, 3], [10, 3, 2, 3], [5, 2], [1, 2]];
