// Elements out of text that is not ours: it goes in as text nodes.

import { shownParts } from '../../../../core/text/written-text.ts';

export type Child = Node | string;

export function h<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  className: string,
  ...children: readonly Child[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  if (className !== '') element.className = className;
  element.append(...children);
  return element;
}

/** Text from outside: unseen characters named, its direction kept inside. */
export function marked(text: string): Node[] {
  return shownParts(text).map((part) =>
    part.escape ? h('span', 'unseen', part.text) : document.createTextNode(part.text),
  );
}

export const outside = (text: string): HTMLElement => h('bdi', '', ...marked(text));
