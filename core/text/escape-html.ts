// Recorded text is data from strangers. Shown on a page it must not become markup.

import { onLines } from './written-text.ts';

const HTML: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' };

/** For text and for quoted attributes; what nobody would see is shown as an escape. */
export const escapeHtml = (text: string): string =>
  onLines(text).replace(/[&<>"']/g, (character) => HTML[character] ?? character);
