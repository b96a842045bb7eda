// Rewrites the target's answers while masks are in force, and the errors of refused messages on the way.

import { type Masked, mask } from '../../../../core/masking/masked.ts';
import type { AnswerGuide, AnswerRewriter } from './refusal-rewriter.ts';
import type { LiveGuide } from '../guide/live-guide.ts';
import type { ResultGuide } from '../results/result-guide.ts';
import { HiddenParts } from '../results/hidden-parts.ts';
import { ResultMasker } from '../results/result-masker.ts';

const NOTHING = Buffer.alloc(0);

export class MaskRewriter implements AnswerRewriter {
  readonly #answers: AnswerGuide;
  readonly #guide: LiveGuide;
  readonly #masker: ResultMasker;
  /** What is masked is kept. */
  readonly #hidden: HiddenParts | undefined;

  constructor(guide: LiveGuide, answers: AnswerGuide, clientEncoding: string) {
    this.#answers = answers;
    this.#guide = guide;
    this.#hidden = answers.keepsOriginals
      ? new HiddenParts({
          get total() {
            return guide.masks.total;
          },
          leaveOut: (reason, values) => guide.masks.leaveOut(reason, values),
        })
      : undefined;
    const following: ResultGuide = {
      described: (body) => guide.described(body),
      rows: () => guide.rows(),
      copyOut: (binary, columns) => guide.copyOut(binary, columns),
      statement: () => guide.statement(),
      get settingsFilled() {
        return guide.settingsFilled;
      },
      settingWithheld: () => guide.settingWithheld(),
      ready: (type, body) => guide.ready(type, body),
      get asksWhenReady() {
        return guide.asksWhenReady;
      },
      refusal: (body) => answers.refusal(body),
      calledPasses: () => guide.calledPasses(),
      refuse: (refusal) => guide.refuse(refusal),
      refusedEnds: (body) => guide.refusedEnds(body),
      refusedCopyIn: () => guide.refusedCopyIn(),
    };
    this.#masker = new ResultMasker(guide.masks, following, clientEncoding, this.#hidden);
  }

  get idle(): boolean {
    return !this.#masker.busy && !this.#masker.waiting;
  }

  get waits(): boolean {
    return this.#masker.waiting;
  }

  get fault(): string | undefined {
    return this.#masker.fault;
  }

  untilIdle(): undefined {
    return undefined;
  }

  apply(received: Buffer): void {
    const masker = this.#masker;
    masker.use(this.#guide.masks);
    for (let chunk = received; ; chunk = NOTHING) {
      const parts = mask(masker, chunk) as readonly (Masked & Buffer)[];
      const hid = this.#hidden?.take(parts);
      for (const [index, part] of parts.entries()) this.#answers.advance(part, hid?.[index]);
      if (!masker.more) break;
    }
    this.#guide.settle();
  }

  /** What it waited for is there. */
  resume(): void {
    this.#masker.resume();
    this.apply(NOTHING);
  }
}
