// A session channel until it starts something (RFC 4254 section 6): what the client says of its terminal and environment is
// kept, and nothing of it goes to the target before the command was judged.

import { createHash } from 'node:crypto';
import type { ChannelStream } from '../connection/channel-stream.ts';
import { type ChannelRecord, FAILURE_RECORD, recordsOf, requestRecord, SUCCESS_RECORD } from '../connection/records.ts';
import { decodeUtf8, FieldReader, fieldsOf, Malformed } from '../wire/messages.ts';
import { isAllowedVariable } from './environment.ts';

const MAX_VARIABLES = 64;
/** Who decides is shown each whole, masked ones too (core/approval/held-action.ts: 2,000 characters). */
const MAX_VARIABLE_BYTES = 1_000;
/** Of terminfo's names; none: it does not say. */
const TERMINAL_TYPE = /^[\x21-\x7e]{0,128}$/;
/** Of the 255 modes that there can be. */
const MAX_MODES_BYTES = 255 * 5 + 1;

interface TerminalSize {
  readonly columns: number;
  readonly rows: number;
}

interface Terminal extends TerminalSize {
  /** TERM. */
  readonly type: string;
  readonly modes: Buffer;
}

/** What a channel was opened for. */
export interface ChannelWish {
  readonly form: 'exec' | 'shell' | 'subsystem';
  /** The command line; the subsystem's name; empty for a shell. */
  readonly command: string;
  readonly wantReply: boolean;
  readonly terminal: Terminal | undefined;
  /** Variables that go to the target, in the client's order: `LANG=C`. */
  readonly environment: readonly string[];
  /** Records for the target: variables, terminal, and the start itself, which wants an answer. */
  readonly records: readonly Buffer[];
  /** What came behind it already. */
  readonly early: Buffer;
}

/** What the client has the target set for the command: shown to who decides, and part of what is approved. */
export const commandParameters = ({ environment, terminal }: ChannelWish, type = terminal?.type): string[] => [
  ...environment,
  ...(terminal ? [`TERM=${type}`] : []),
];

/** Of what is approved. */
export function commandDigest(wish: ChannelWish): string {
  const modes = wish.terminal?.modes.toString('base64') ?? '';
  const parts = [wish.form, wish.command, ...commandParameters(wish), ...(modes === '' ? [] : [modes])];
  return createHash('sha256').update(parts.join('\0')).digest('hex');
}

interface SetupListener {
  start(wish: ChannelWish): void;
  /** Something that the gateway does not do. */
  refused(what: string): void;
  /** It cannot go on: words for the person. */
  failed(words: string): void;
}

const REFUSED: Readonly<Record<string, string>> = {
  'x11-req': 'X11 forwarding',
  'auth-agent-req@openssh.com': 'agent forwarding',
};

/** Listens to `channel` until it starts something. */
export function listenForStart(channel: ChannelStream, listener: SetupListener): void {
  const variables: { readonly text: string; readonly record: Buffer }[] = [];
  let pty: { readonly terminal: Terminal; readonly record: Buffer } | undefined;
  let eof: Buffer | undefined;

  const answer = (request: Request, success: boolean): void => {
    if (request.wantReply) channel.write(success ? SUCCESS_RECORD() : FAILURE_RECORD());
  };

  function start(form: ChannelWish['form'], request: Request, behind: readonly ChannelRecord[]): void {
    const command = form === 'shell' ? '' : decodeUtf8(new FieldReader(request.fields, 0).string());
    channel.off('data', take);
    channel.pause();
    if (command === undefined || command.includes('\0')) {
      answer(request, true);
      listener.failed('The command holds bytes that are no UTF-8 text, so it cannot be judged and recorded as it is.');
      return;
    }
    const own = form === 'shell' ? undefined : fieldsOf(command);
    listener.start({
      form,
      command,
      wantReply: request.wantReply,
      terminal: pty?.terminal,
      environment: variables.map(({ text }) => text),
      records: [...variables.map(({ record }) => record), ...(pty ? [pty.record] : []), requestRecord(form, true, own)],
      early: Buffer.concat([...(eof ? [eof] : []), ...behind.map(({ whole }) => whole)]),
    });
  }

  function takeRequest(request: Request, behind: readonly ChannelRecord[]): 'started' | 'goes on' {
    const { name, fields } = request;
    switch (name) {
      case 'exec':
      case 'shell':
      case 'subsystem':
        start(name, request, behind);
        return 'started';
      case 'env': {
        const [variable, value] = twoOf(fields);
        const text = value.length <= MAX_VARIABLE_BYTES ? decodeUtf8(value) : undefined;
        const allowed = isPrinted(text) && isAllowedVariable(variable) && variables.length < MAX_VARIABLES;
        if (allowed) variables.push({ text: `${variable}=${text}`, record: requestRecord('env', false, fields) });
        answer(request, allowed);
        return 'goes on';
      }
      case 'pty-req':
        pty = { terminal: terminalOf(fields), record: requestRecord('pty-req', false, fields) };
        answer(request, true);
        return 'goes on';
      default:
        if (REFUSED[name] !== undefined) listener.refused(REFUSED[name]);
        answer(request, false);
        return 'goes on';
    }
  }

  function take(chunk: Buffer): void {
    const records = recordsOf(chunk);
    for (const [index, record] of records.entries()) {
      if (record.kind === 'eof') eof = record.whole;
      else if (record.kind !== 'request') {
        channel.off('data', take);
        listener.failed('Something came before a command or a shell was asked for.');
        return;
      } else if (attempt(record, records.slice(index + 1)) === 'started') return;
    }
  }

  function attempt(request: Request, behind: readonly ChannelRecord[]): 'started' | 'goes on' {
    try {
      return takeRequest(request, behind);
    } catch (error) {
      if (!(error instanceof Malformed)) throw error;
      answer(request, false);
      return 'goes on';
    }
  }

  channel.on('data', take);
}

type Request = Extract<ChannelRecord, { kind: 'request' }>;

function twoOf(fields: Buffer): [string, Buffer] {
  const reader = new FieldReader(fields, 0);
  return [reader.text(), reader.string()];
}

/** Nothing in it drives a terminal, or takes more room in a recording than in memory. */
const isPrinted = (text: string | undefined): text is string => text !== undefined && !/\p{Cc}/u.test(text);

/** Of `pty-req`: string TERM | uint32 columns, rows, width, height | string modes. Throws Malformed. */
function terminalOf(fields: Buffer): Terminal {
  const reader = new FieldReader(fields, 0);
  const type = reader.text();
  const size = { columns: reader.uint32(), rows: reader.uint32() };
  // In pixels, which nobody reads.
  for (let count = 0; count < 2; count++) reader.uint32();
  const modes = reader.string();
  if (!TERMINAL_TYPE.test(type) || modes.length > MAX_MODES_BYTES) throw new Malformed('a terminal that there is not');
  return { type, ...size, modes };
}

/** Of `window-change`. Throws Malformed. */
export function sizeOf(fields: Buffer): TerminalSize {
  const reader = new FieldReader(fields, 0);
  return { columns: reader.uint32(), rows: reader.uint32() };
}
