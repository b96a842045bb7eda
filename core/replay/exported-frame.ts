// A frame as a line of the NDJSON export, whoever writes it (exports.ts, ExportedFrame).

import type { Frame } from '../recording/frame.ts';

interface Exported extends Pick<Frame, 'sequence' | 'timeUs' | 'direction' | 'lane' | 'kind'> {
  readonly time: string;
  readonly fact?: Record<string, unknown>;
  readonly base64?: string;
}

/** `base64` of a body. */
export function exportFrame(
  startedMs: number,
  { sequence, timeUs, direction, lane, kind, body }: Frame,
  base64: (body: Uint8Array) => string,
): Exported {
  const base = { sequence, timeUs, time: exportedTime(startedMs, timeUs), direction, lane };
  if (kind === 'fact') {
    const fact = readObject(new TextDecoder().decode(body));
    // What is no JSON object is handed out as the bytes that it is.
    if (fact) return { ...base, kind, fact };
  }
  return { ...base, kind, base64: base64(body) };
}

export const exportedTime = (startedMs: number, timeUs: number): string =>
  new Date(startedMs + Math.floor(timeUs / 1000)).toISOString();

function readObject(text: string): Record<string, unknown> | undefined {
  try {
    const json: unknown = JSON.parse(text);
    return typeof json === 'object' && json !== null && !Array.isArray(json) ? { ...json } : undefined;
  } catch {
    return undefined;
  }
}
