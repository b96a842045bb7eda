// Text that one person writes and another reads, in a terminal as well: reasons and comments, and names in policies.

// Controls, DEL, line and paragraph separators; what reorders, joins or tags what stands around it, has no width or no
// look of its own (soft hyphen, variation selectors, fillers, Braille's empty pattern); halves of a character.
const UNSEEN = /[\p{Cc}\p{Bidi_Control}\p{Default_Ignorable_Code_Point}\p{Surrogate}\u2028\u2029\u2800\ufff9-\ufffb]/u;
/** In an emoji joiners and selectors are seen: they make it what it is (UTS #51, without flags that are spelt in tags). */
const EMOJI =
  /\p{Extended_Pictographic}(?:\ufe0f|\p{Emoji_Modifier})?(?:\u200d\p{Extended_Pictographic}(?:\ufe0f|\p{Emoji_Modifier})?)*|[0-9#*]\ufe0f\u20e3/u;
const UNSEEN_OR_EMOJI = new RegExp(`${EMOJI.source}|${UNSEEN.source}`, 'gu');

const NAMED: Readonly<Record<string, string>> = { '\n': '\\n', '\r': '\\r', '\t': '\\t' };

function escaped(char: string): string {
  const code = char.codePointAt(0) ?? 0;
  const hex = code.toString(16);
  if (code < 0x100) return NAMED[char] ?? `\\x${hex.padStart(2, '0')}`;
  return code < 0x10000 ? `\\u${hex.padStart(4, '0')}` : `\\u{${hex}}`;
}

interface ShownPart {
  readonly text: string;
  /** `text` is an escape, and stands for a character that nobody would see or that would move what is read. */
  readonly escape: boolean;
}

/** What a reader is to be shown of it, whoever wrote it. `kept`: characters that stay as they are. */
export function shownParts(text: string, kept = '\n\t', write = escaped): readonly ShownPart[] {
  if (!UNSEEN.test(text)) return [{ text, escape: false }];
  const parts: ShownPart[] = [];
  let from = 0;
  for (const { 0: found, index } of text.matchAll(UNSEEN_OR_EMOJI)) {
    const isEmoji = [...found].length > 1 || !UNSEEN.test(found);
    if (isEmoji || kept.includes(found)) continue;
    if (index > from) parts.push({ text: text.slice(from, index), escape: false });
    parts.push({ text: write(found), escape: true });
    from = index + found.length;
  }
  if (from < text.length) parts.push({ text: text.slice(from), escape: false });
  return parts;
}

const joined = (parts: readonly ShownPart[]): string => parts.map(({ text }) => text).join('');

/** On one line, with an escape for each character that nobody would see, or that would move a cursor, change colours or reorder what is read. */
export const onOneLine = (text: string): string => joined(shownParts(text, ''));

/** The same, with newlines and tabs left as they are. */
export const onLines = (text: string): string => joined(shownParts(text));

/** JSON that is safe to print: JSON.stringify leaves DEL, the C1 controls and all else that is unseen as they are. */
export const inJson = (json: string): string => joined(shownParts(json, '\n', unitEscapes));

/** As JSON has them: each UTF-16 unit on its own. */
const unitEscapes = (char: string): string =>
  Array.from({ length: char.length }, (_, at) => `\\u${char.charCodeAt(at).toString(16).padStart(4, '0')}`).join('');

/** Letters and symbols that are blank: fillers of Hangul, and Braille's empty pattern. */
const BLANK = /[\u115f\u1160\u2800\u3164\uffa0]/g;

/** Something is to be seen in it. Spaces, invisible characters and letters that are blank say nothing. */
export const saysSomething = (text: string): boolean => /[\p{L}\p{N}\p{P}\p{S}]/u.test(text.replace(BLANK, ''));

// Controls, marks and overrides of direction, and what has no width. The joiners U+200C and U+200D are not among them: names in some
// scripts are spelt with them.
const UNSEEN_IN_NAME = /[\p{Cc}\p{Bidi_Control}\u00ad\u180e\u200b\u2060-\u2064\ufeff]/gu;

/** Where a name has characters that nobody sees, the name with each shown as U+FFFD: it looks like another one and is none. */
export function withUnseenShown(name: string): string | undefined {
  const shown = name.replace(UNSEEN_IN_NAME, '\ufffd');
  return shown === name ? undefined : shown;
}
