// The screen of a keyframe as it is sent (terminal.ts): long ones are packed. Without that schema, so that a page's player need not load it.

/** The text of a keyframe's screen. Throws where it is packed wrongly. */
export async function unpackedScreen({
  screen,
  packed,
}: {
  screen: string;
  packed?: string | undefined;
}): Promise<string> {
  if (packed === undefined) return screen;
  const bytes = Uint8Array.from(atob(packed), (character) => character.charCodeAt(0));
  return new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream('deflate-raw'))).text();
}
