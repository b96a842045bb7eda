// Facts of a request and its response: HTTP, and the Kubernetes API.

import { z } from 'zod';
import { ActionNumber } from './action.ts';
import { BytesAt } from './bytes-at.ts';

/** The head of a request was read, on this frame's lane. */
export const ExchangeStarted = z.object({
  kind: z.literal('exchange.started'),
  action: ActionNumber,
  /** As sent: `GET`. */
  method: z.string(),
  /** Absolute: the resource's own origin, then path and query as sent, with what a rule or a secret hides written over. */
  url: z.string(),
  /** UTF-8 bytes of the whole, when `url` was cut. */
  urlBytes: z.number().int().optional(),
  /** Of the request's head. */
  at: BytesAt,
});

/** The response went out whole, or the exchange broke off. */
export const ExchangeFinished = z.object({
  kind: z.literal('exchange.finished'),
  action: ActionNumber,
  /** Of the final response, as the client got it; missing where none began. 101: it went on as another protocol. */
  status: z.number().int().min(100).max(999).optional(),
  /** Of the response's body, as the client got it, before any decoding. */
  bytes: z.number().int().min(0),
  /** From the request's head to the last byte of the response. */
  durationUs: z.number().int(),
  /** Of the response from its head on; missing where none began. */
  at: BytesAt.optional(),
});
