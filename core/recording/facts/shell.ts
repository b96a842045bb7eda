// Facts of what runs on a machine: commands and their terminals (SSH shell and exec; Kubernetes exec and attach).

import { z } from 'zod';
import { ActionNumber } from './action.ts';
import { BytesAt } from './bytes-at.ts';

/** A command or a shell was asked for, on this frame's lane. */
export const CommandStarted = z.object({
  kind: z.literal('command.started'),
  action: ActionNumber,
  /** exec: one command; shell: an interactive one; subsystem: a service by its name, such as `sftp`. */
  form: z.enum(['exec', 'shell', 'subsystem']),
  /**
   * As the client sent it; empty for a shell. Where it sent arguments one by one (Kubernetes), each that is no plain word
   * is in single quotes, as a POSIX shell takes them, with one space between.
   */
  command: z.string(),
  /** UTF-8 bytes of the whole, when `command` was cut. */
  commandBytes: z.number().int().optional(),
  /** Variables that the client had set for it, in its order: `LANG=C`. Missing: none. */
  environment: z.array(z.string()).optional(),
  /** Its terminal's kind (TERM), and modes as the client sent them (RFC 4254 section 8), in base64. Missing: it has none. */
  terminal: z.object({ type: z.string(), modes: z.string() }).optional(),
  /** Where the command stands in the recorded bytes; missing where it came as a request beside them (SSH, Kubernetes). */
  at: BytesAt.optional(),
});

/**
 * A line that was typed at the terminal of a shell, as the terminal showed it when Enter was pressed: an aid for those who
 * look for it, and no evidence. The bytes beside it are that. Nothing that was typed without an echo is among them.
 */
export const CommandTyped = z.object({
  kind: z.literal('command.typed'),
  /** Of its own. */
  action: ActionNumber,
  line: z.string(),
  reconstructed: z.literal(true),
});

/** The client asked for a signal to what runs on this frame's lane, or for a break on its terminal. */
export const CommandSignalled = z.object({
  kind: z.literal('command.signalled'),
  action: ActionNumber,
  /** Its name without SIG: `INT`. */
  signal: z.string().optional(),
  /** Milliseconds, as the client asked for; 0: it leaves that to the target. */
  breakMs: z.number().int().min(0).optional(),
});

/** Neither `exit` nor `signal`: its lane closed before the target said how it ended. */
export const CommandFinished = z.object({
  kind: z.literal('command.finished'),
  action: ActionNumber,
  /** Its exit status, as the target gave it. */
  exit: z.number().int().min(0).optional(),
  /** Name of the signal that ended it, without SIG: `KILL`. */
  signal: z.string().optional(),
  /** Of a signal: the target kept an image of what it ended. Missing: it did not. */
  coreDumped: z.literal(true).optional(),
  /** Of a signal: the target's words, or how they begin. */
  message: z.string().optional(),
  durationUs: z.number().int(),
});

/** The client's terminal on this frame's lane has this size from here on; the first says what it began with. */
export const TerminalResized = z.object({
  kind: z.literal('terminal.resized'),
  /** In characters; 0 where the client did not say. */
  columns: z.number().int().min(0),
  rows: z.number().int().min(0),
});
