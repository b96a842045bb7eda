// Asking the index, as the API, the functions and the command line speak of it.

import { z } from 'zod';
import { SessionId } from '../ids.ts';
import { ProtocolName } from '../protocols.ts';
import { incomplete } from '../catalogue.ts';
import { ResourceName } from '../resource.ts';
import { DocumentBody } from './document.ts';
import { MAX_QUERY } from './parse.ts';

const MAX_HITS_A_PAGE = 100;

/** What a person asks. */
export const SearchQuery = z.strictObject({
  q: z.string().max(MAX_QUERY),
  cursor: z.string().max(2000).optional(),
  limit: z.coerce.number().int().min(1).max(MAX_HITS_A_PAGE).default(20),
});
export type SearchQuery = z.infer<typeof SearchQuery>;

/** What the edge lets them see of it: all documents of these rules, and their own of every rule that does not forbid it. */
export const SearchView = z.object({
  rules: z.union([z.literal('all'), z.array(z.string())]),
  /** Of all rules, those that are left out. */
  except: z.array(z.string()).optional(),
  own: z.object({ subject: z.string(), forbiddenBy: z.array(z.string()) }),
});
export type SearchView = z.infer<typeof SearchView>;

export const SearchHit = z.object({
  session: SessionId,
  /** Where in its replay: seconds since the session's start. */
  moment: z.number(),
  /** The same by the clock. */
  at: z.iso.datetime(),
  /** As it was recorded, or a part of it; plain text, which is escaped where it is shown. */
  snippet: z.string(),
  /** What was asked for in it: from and to, in UTF-16 units. */
  marks: z.array(z.tuple([z.number().int(), z.number().int()])),
  ...DocumentBody.pick({
    kind: true,
    action: true,
    lane: true,
    outcome: true,
    verdict: true,
    rows: true,
    durationUs: true,
  }).shape,
  /** Bytes of the whole, of which the beginning alone is searched. */
  cutBytes: z.number().int().optional(),
  email: z.string(),
  resource: ResourceName,
  protocol: ProtocolName,
});
export type SearchHit = z.infer<typeof SearchHit>;

/** The newest first. A page may come short and still have a cursor: that was all that one request looks through. */
export const SearchPage = z.object({ hits: z.array(SearchHit), cursor: z.string().optional(), incomplete });
export type SearchPage = z.infer<typeof SearchPage>;
