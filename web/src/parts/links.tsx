/** Mantine's links and buttons that lead to pages of the dashboard; the compiler knows the addresses and what they take. */

import { Anchor, type AnchorProps, Button, type ButtonProps, MenuItem, type MenuItemProps } from '@mantine/core';
import { createLink } from '@tanstack/react-router';
import { type ComponentPropsWithRef, forwardRef, type ReactElement } from 'react';

type Rest<Props> = Omit<ComponentPropsWithRef<'a'>, keyof Props | 'ref'>;

/** A link within text or a list. */
export const PageLink = createLink(
  forwardRef<HTMLAnchorElement, AnchorProps & Rest<AnchorProps>>(function PageLink(props, ref): ReactElement {
    return <Anchor ref={ref} {...props} />;
  }),
);

/** A link that looks like a button. */
export const PageButton = createLink(
  forwardRef<HTMLAnchorElement, ButtonProps & Rest<ButtonProps>>(function PageButton(props, ref): ReactElement {
    return <Button component="a" ref={ref} {...props} />;
  }),
);

/** A link in a menu. */
export const PageMenuItem = createLink(
  forwardRef<HTMLAnchorElement, MenuItemProps & Rest<MenuItemProps>>(function PageMenuItem(props, ref): ReactElement {
    return <MenuItem component="a" ref={ref} {...props} />;
  }),
);
