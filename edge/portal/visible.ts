// Text that a person controls may hold characters that hide or reorder what stands around them.
// They are shown as marks instead. Used by the pages and by the player alike.

interface VisiblePart {
  readonly text: string;
  /** true: `text` stands for a character that has no look of its own. */
  readonly mark: boolean;
}

// C0 and C1 controls but line feed and tab; soft hyphen; bidirectional marks, embeddings and
// isolates; zero-width and invisible characters, and letters that are blank; lone surrogates; tag
// characters.
const UNSEEN =
  // biome-ignore lint/suspicious/noControlCharactersInRegex: finding them is what this is for
  /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u00ad\u061c\u115f\u1160\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\u2800\u3164\ufeff\uffa0\ufff9-\ufffb]|\u034f|\u17b4|\u17b5|\p{Surrogate}|[\u{e0000}-\u{e007f}]/gu;

export function visibleParts(text: string): readonly VisiblePart[] {
  const parts: VisiblePart[] = [];
  let from = 0;
  for (const found of text.matchAll(UNSEEN)) {
    if (found.index > from) parts.push({ text: text.slice(from, found.index), mark: false });
    parts.push({ text: markFor(found[0]), mark: true });
    from = found.index + found[0].length;
  }
  if (from < text.length || parts.length === 0) parts.push({ text: text.slice(from), mark: false });
  return parts;
}

/** The same as plain text, for titles and attributes. */
export const visibleText = (text: string): string =>
  visibleParts(text)
    .map((part) => part.text)
    .join('');

function markFor(character: string): string {
  const code = character.codePointAt(0) ?? 0;
  // Unicode has pictures of C0 controls and DEL: ␀ and so on.
  if (code < 0x20) return String.fromCodePoint(0x2400 + code);
  if (code === 0x7f) return '\u2421';
  return `U+${code.toString(16).toUpperCase().padStart(4, '0')}`;
}
