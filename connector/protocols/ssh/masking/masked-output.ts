// What a program writes, under masks: held line by line (core/masking/terminal), and after a pause let go (ADR 35).
// Client and recording get the same masked bytes.

import type { LiveStream, Shape } from '../../../../core/masking/terminal/live-stream.ts';
import { mask, type Masked } from '../../../../core/masking/masked.ts';
import type { Replacement } from '../../../../core/recording/originals/original-object.ts';
import type { Masks } from '../../../../core/masking/masks.ts';
import { KeptOutput } from './kept-output.ts';

/** Silence after which what cannot be the beginning of a value goes on; then, counted anew, that too. */
const SHORT_PAUSE_MS = 25;
const LONG_PAUSE_MS = 475;
/** A line that grows all the time is shown as far as it is. */
const MAX_HELD_MS = 250;

interface OutputDeps {
  /** In force now: asked with every chunk. */
  masks(): Masks;
  readonly shape: Shape;
  /** `hid`: what stood in them, where that is kept. */
  send(bytes: Buffer & Masked, hid?: readonly Replacement[]): void;
  /** What is masked is kept. */
  readonly keeps?: boolean;
  /** In a turn of its own: what throws in `work` ends the channel. */
  contain(work: () => void): void;
  /** Masking failed: nothing more may be shown. */
  failed(): void;
}

export class MaskedOutput {
  readonly #deps: OutputDeps;
  #masks: Masks;
  #stream: LiveStream | undefined;
  #timer: NodeJS.Timeout | undefined;
  #heldSince = 0;
  #pause: 'short' | 'long' = 'short';
  #partly = 0;
  #failed = false;
  readonly #kept: KeptOutput | undefined;

  constructor(deps: OutputDeps) {
    this.#deps = deps;
    this.#kept = deps.keeps ? new KeptOutput(() => this.#masks) : undefined;
    this.#masks = deps.masks();
    this.#stream = this.#masks.liveStream(deps.shape);
  }

  /** Values of which the beginning was shown. */
  get partly(): number {
    return this.#partly + (this.#stream?.partly ?? 0);
  }

  take(data: Buffer): void {
    const masks = this.#deps.masks();
    if (masks !== this.#masks) {
      this.finish();
      this.#partly = this.partly;
      this.#masks = masks;
      this.#stream = masks.liveStream(this.#deps.shape);
    }
    const waited = this.#stream?.holds === true;
    this.#kept?.push(data);
    this.#give(() => this.#stream?.push(data) ?? data, data);
    if (this.#stream?.holds !== true) return;
    if (!waited) this.#heldSince = performance.now();
    else if (performance.now() - this.#heldSince > MAX_HELD_MS) {
      this.#heldSince = performance.now();
      this.#give(() => this.#stream?.pause('short') ?? NOTHING);
    }
    this.#wait('short');
  }

  /** No more comes: the rest goes on. */
  finish(): void {
    clearTimeout(this.#timer);
    if (this.#stream?.holds === true) this.#give(() => this.#stream?.end() ?? NOTHING);
    this.#kept?.end();
  }

  #wait(pause: 'short' | 'long'): void {
    clearTimeout(this.#timer);
    this.#pause = pause;
    this.#timer = setTimeout(
      () => this.#deps.contain(() => this.#paused()),
      pause === 'short' ? SHORT_PAUSE_MS : LONG_PAUSE_MS,
    );
    this.#timer.unref();
  }

  #paused(): void {
    const pause = this.#pause;
    this.#give(() => this.#stream?.pause(pause) ?? NOTHING);
    if (pause === 'short' && this.#stream?.holds === true) this.#wait('long');
  }

  #give(work: () => Uint8Array, bytes: Uint8Array = NOTHING): void {
    if (this.#failed) return;
    const parts = mask(
      {
        apply: () => [work()],
        fail: () => {
          this.#failed = true;
          this.#masks.report({ kind: 'mask.withheld', reason: 'masking_failed' });
        },
      },
      bytes,
    );
    for (const part of parts) {
      if (part.length === 0) continue;
      const shown = Buffer.from(part.buffer, part.byteOffset, part.length) as Buffer & Masked;
      this.#deps.send(shown, this.#kept?.hidIn(shown, this.#stream?.holds !== true));
    }
    if (this.#failed) this.#deps.failed();
  }
}

const NOTHING = new Uint8Array(0);

/** Of a lane, where the rest of a value came too late (ADR 35). */
export function partlyNote(...outputs: readonly (MaskedOutput | undefined)[]): string | undefined {
  const values = outputs.reduce((sum, output) => sum + (output?.partly ?? 0), 0);
  if (values === 0) return undefined;
  return `of ${values} masked value${values === 1 ? '' : 's'} the target wrote the beginning long before the rest, so it was shown`;
}
