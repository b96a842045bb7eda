// The audit log's pieces as the functions keep them. The edge never talks to the bucket itself.

import type { z } from 'zod';
import { AuditPiecePage, StoredAuditPiece } from '../core/api.ts';
import { LOCK_HEADER, MAX_PIECE_BYTES } from '../core/audit/audit-archive.ts';
import { err, ok, type Result } from '../core/result.ts';
import { MAX_LOG_OBJECT_BYTES } from '../core/tlog/log-archive.ts';
import type { ArchiveFault, ArchiveFetch } from './archive.ts';

const ANSWER_WITHIN_MS = 20_000;

/** `contradiction`: something else is stored under that name. `refused`: the functions say that it is no piece. */
export type AuditArchiveFault = 'unavailable' | 'contradiction' | 'refused';

export interface AuditArchive {
  /** Stored, durable and confirmed by its digest; again is the same as once. */
  store(piece: { name: string; bytes: Uint8Array<ArrayBuffer> }): Promise<Result<void, AuditArchiveFault>>;
  pieces(after: string | undefined): Promise<Result<AuditPiecePage, ArchiveFault>>;
  piece(name: string): Promise<Result<ReadableStream<Uint8Array>, ArchiveFault>>;
  /** The whole piece, whatever it is. `lock`: whether it cannot be deleted is asked too; else `locked` says nothing. */
  stored(name: string, lock?: 'lock'): Promise<Result<StoredPiece, ArchiveFault>>;
}

interface StoredPiece {
  readonly bytes: Uint8Array;
  /** Also where the store has no locks by its settings: a directory. */
  readonly locked: boolean;
}

export function createAuditArchive(baseUrl: string, fetcher: ArchiveFetch): AuditArchive {
  const call = callTo(baseUrl, fetcher);
  const readable = async (path: string): Promise<Result<Response, ArchiveFault>> => {
    const response = await call(path);
    if (response?.ok) return ok(response);
    await response?.body?.cancel();
    return err(response?.status === 404 ? 'not_found' : response?.status === 400 ? 'bad_request' : 'unavailable');
  };
  return {
    store: (piece) => storePiece(call, `/audit/${piece.name}`, piece.bytes),

    async pieces(after) {
      const response = await readable(after === undefined ? '/audit' : `/audit?after=${encodeURIComponent(after)}`);
      if (!response.ok) return response;
      const page = await jsonOf(response.value, AuditPiecePage);
      return page ? ok(page) : err('unavailable');
    },

    async piece(name) {
      const response = await readable(`/audit/${encodeURIComponent(name)}`);
      if (!response.ok) return response;
      return response.value.body ? ok(response.value.body) : err('unavailable');
    },

    async stored(name, lock) {
      const response = await readable(`/audit/${encodeURIComponent(name)}${lock ? '?lock' : ''}`);
      if (!response.ok) return response;
      const bytes = await wholeOf(response.value);
      if (!bytes) return err('unavailable');
      const until = response.value.headers.get(LOCK_HEADER);
      return ok({ bytes, locked: until === 'none' || (until !== null && Date.parse(until) > Date.now()) });
    },
  };
}

/** undefined: it broke off, or is longer than any piece. */
async function wholeOf(response: Response): Promise<Uint8Array | undefined> {
  const parts: Uint8Array[] = [];
  let length = 0;
  try {
    for await (const part of response.body ?? []) {
      length += part.length;
      if (length > MAX_PIECE_BYTES) return undefined;
      parts.push(part);
    }
  } catch {
    return undefined;
  }
  const bytes = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

/** Of the log of sessions, below `log/` (core/tlog/log-archive.ts). */
export interface LogArchive {
  /** Stored, durable and confirmed by its digest; again is the same as once. */
  store(object: { name: string; bytes: Uint8Array<ArrayBuffer> }): Promise<Result<void, AuditArchiveFault>>;
  /** What is stored there, as it is. */
  read(name: string): Promise<Result<Uint8Array, 'not_found' | 'unavailable'>>;
}

export function createLogArchive(baseUrl: string, fetcher: ArchiveFetch): LogArchive {
  const call = callTo(baseUrl, fetcher);
  return {
    store: ({ name, bytes }) => storePiece(call, `/log/${name}`, bytes),

    async read(name) {
      const response = await call(`/log/${name}`);
      if (response?.ok) {
        const bytes = await shortBytes(response);
        return bytes ? ok(bytes) : err('unavailable');
      }
      await response?.body?.cancel();
      return err(response?.status === 404 ? 'not_found' : 'unavailable');
    },
  };
}

/** Undefined: it broke off, or is longer than any object of the log. */
async function shortBytes(response: Response): Promise<Uint8Array | undefined> {
  const bytes = new Uint8Array(MAX_LOG_OBJECT_BYTES);
  let length = 0;
  try {
    for await (const chunk of response.body ?? []) {
      // Leaving the loop cancels the rest.
      if (length + chunk.length > bytes.length) return undefined;
      bytes.set(chunk, length);
      length += chunk.length;
    }
  } catch {
    return undefined;
  }
  return bytes.slice(0, length);
}

type Call = (path: string, init?: RequestInit) => Promise<Response | undefined>;

function callTo(baseUrl: string, fetcher: ArchiveFetch): Call {
  return async (path, init = {}) => {
    const deadline = new AbortController();
    const timer = setTimeout(() => deadline.abort(), ANSWER_WITHIN_MS);
    try {
      return await fetcher(new Request(baseUrl + path, { ...init, signal: deadline.signal, redirect: 'manual' }));
    } catch (error) {
      console.error(`the functions did not answer ${path}: ${error instanceof Error ? error.message : 'unknown'}`);
      return undefined;
    } finally {
      clearTimeout(timer);
    }
  };
}

/** Stored, durable and confirmed by its digest; again is the same as once. */
async function storePiece(
  call: Call,
  path: string,
  bytes: Uint8Array<ArrayBuffer>,
): Promise<Result<void, AuditArchiveFault>> {
  const sha256 = new Uint8Array(await crypto.subtle.digest('SHA-256', bytes));
  const response = await call(path, {
    method: 'POST',
    body: bytes,
    headers: {
      'content-type': 'application/octet-stream',
      'content-digest': `sha-256=:${btoa(String.fromCharCode(...sha256))}:`,
    },
  });
  if (!response) return err('unavailable');
  const answer = await jsonOf(response, StoredAuditPiece);
  // Law 6: what is not confirmed by its digest is not stored.
  if (response.ok) return answer?.digest === hex(sha256) ? ok(undefined) : err('unavailable');
  console.error(`the functions answered ${response.status} to ${path}`);
  if (response.status === 409) return err('contradiction');
  return err(response.status === 400 || response.status === 413 ? 'refused' : 'unavailable');
}

async function jsonOf<S extends z.ZodType>(response: Response, schema: S): Promise<z.output<S> | undefined> {
  const parsed = schema.safeParse(await response.json().catch(() => undefined));
  return parsed.success ? parsed.data : undefined;
}

const hex = (bytes: Uint8Array): string => Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
