// How a request ended: when, by whom, and what they said.

interface Ended {
  readonly askedAt: string;
  readonly votes: readonly { readonly email: string; readonly at: string; readonly comment: string }[];
  readonly ended?: { readonly at: string; readonly by: string; readonly reason: string } | undefined;
  readonly claim?: { readonly at: string } | undefined;
  readonly breakGlass?: { readonly review?: Ended['votes'][number] | undefined } | undefined;
}

interface Outcome {
  readonly at: string;
  /** E-mails. Empty: nobody decided. */
  readonly by: readonly string[];
  readonly why: string;
}

export function requestOutcome({ askedAt, votes, ended, claim, breakGlass }: Ended): Outcome {
  const review = breakGlass?.review;
  if (review) return { at: review.at, by: [review.email], why: review.comment };
  // What nobody decided ends by itself.
  if (ended) return { at: ended.at, by: ended.by === 'gatehouse' ? [] : [ended.by], why: ended.reason };
  const last = votes.at(-1);
  return { at: last?.at ?? claim?.at ?? askedAt, by: votes.map(({ email }) => email), why: last?.comment ?? '' };
}
