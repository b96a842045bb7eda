// Control sequences of terminals (ECMA-48), as far as a reader of what is shown must know them: which of them stand
// between two letters without parting them, and which lead elsewhere on the screen.

const ESC = 0x1b;
/** A longer one is none that terminals know. */
const MAX_SEQUENCE_BYTES = 128;
const MAX_REPEATED = 64;

type Sequence =
  /** Colours, character sets, clearing: what stands on both sides of it is one text. */
  | { readonly kind: 'between'; readonly end: number }
  /** The cursor goes on as over a blank. */
  | { readonly kind: 'blank'; readonly end: number }
  /** The letter before it so many times more (REP). */
  | { readonly kind: 'repeat'; readonly end: number; readonly times: number }
  /** Anything else: what follows stands elsewhere. */
  | { readonly kind: 'apart'; readonly end: number };

/** The next byte at or behind `from` that no text has in it; `end`: there is none. */
export function nextControl(bytes: Uint8Array, from: number): number {
  const at = CONTROLS.reduce((least, control) => {
    const found = bytes.indexOf(control, from);
    return found < 0 || found > least ? least : found;
  }, bytes.length);
  return at;
}

/** ESC, and what terminals take no notice of: NUL, shift out, shift in. */
const CONTROLS = [ESC, 0x00, 0x0e, 0x0f];

/** The one that begins at `at`. Undefined: it goes on behind the end. */
export function sequenceAt(bytes: Uint8Array, at: number): Sequence | undefined {
  if (bytes[at] !== ESC) return { kind: 'between', end: at + 1 };
  const second = bytes[at + 1];
  if (second === undefined) return undefined;
  if (second === 0x5b) return controlSequence(bytes, at);
  // ESC, intermediates, one more: character sets are chosen so.
  let end = at + 1;
  while (isIntermediate(bytes[end])) end++;
  if (end >= bytes.length) return end - at > MAX_SEQUENCE_BYTES ? { kind: 'apart', end } : undefined;
  const isWhole = (bytes[end] as number) >= 0x30 && (bytes[end] as number) <= 0x7e;
  const chooses = second >= 0x28 && second <= 0x2b;
  return { kind: isWhole && chooses ? 'between' : 'apart', end: isWhole ? end + 1 : end };
}

/** ESC [, parameters, intermediates, and a letter that says what it does. */
function controlSequence(bytes: Uint8Array, at: number): Sequence | undefined {
  let end = at + 2;
  while (isParameter(bytes[end]) || isIntermediate(bytes[end])) end++;
  if (end - at > MAX_SEQUENCE_BYTES) return { kind: 'apart', end };
  const final = bytes[end];
  if (final === undefined) return undefined;
  if (final < 0x40 || final > 0x7e) return { kind: 'apart', end };
  end++;
  switch (final) {
    case 0x6d: // m: colours
    case 0x4b: // K: clears the rest of the line
      return { kind: 'between', end };
    case 0x43: // C: to the right
      return { kind: 'blank', end };
    case 0x62: {
      // b
      const times = Number.parseInt(String.fromCharCode(...bytes.subarray(at + 2, end - 1)) || '1', 10);
      return times >= 1 && times <= MAX_REPEATED ? { kind: 'repeat', end, times } : { kind: 'apart', end };
    }
    default:
      return { kind: 'apart', end };
  }
}

const isParameter = (byte: number | undefined): boolean => byte !== undefined && byte >= 0x30 && byte <= 0x3f;
const isIntermediate = (byte: number | undefined): boolean => byte !== undefined && byte >= 0x20 && byte <= 0x2f;
