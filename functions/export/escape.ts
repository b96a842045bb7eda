// Recorded text is data from strangers. Shown on a terminal or a page it must not move a cursor,
// change a title, reverse the reading order or become markup.

/** C0 and C1 controls, DEL, and what reorders or hides text (bidirectional controls, zero-width, line separators, tags). */
const UNSEEN =
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  /[\u0000-\u001f\u007f-\u009f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]|[\u{e0000}-\u{e007f}]|\p{Surrogate}/gu;

const nameOf = (character: string): string => {
  const code = character.codePointAt(0) ?? 0;
  return code < 0x100 ? `\\x${code.toString(16).padStart(2, '0')}` : `\\u{${code.toString(16)}}`;
};

/** Every such character as a visible name: `\x1b`. One line. */
export const showUnseen = (text: string): string => text.replace(UNSEEN, nameOf);

/** The same, with line breaks and tabs left as they are. */
export const showUnseenInLines = (text: string): string =>
  text.replace(UNSEEN, (character) => (character === '\n' || character === '\t' ? character : nameOf(character)));

const HTML: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' };

/** For text and for quoted attributes. */
export const escapeHtml = (text: string): string =>
  showUnseenInLines(text).replace(/[&<>"']/g, (character) => HTML[character] ?? character);
