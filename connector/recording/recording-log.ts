// The recording side of a connector, in one piece: the write-ahead log that sessions write to, the
// archiver behind it, and the watch over its disk. main.ts opens one; sessions see a SessionLog.

import { KeyObject } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Report } from '../../core/control.ts';
import type { ConnectorId, SessionId } from '../../core/ids.ts';
import { err, ok, type Result } from '../../core/result.ts';
import type { SessionLog } from '../session/session-log.ts';
import { ArchiverThread } from './archive/archiver-thread.ts';
import type { Backlog } from './archive/archiver.ts';
import { type SpoolUsage, spoolUsage } from './archive/spool-usage.ts';
import { CommittedPosition } from './wal/committed-position.ts';
import { lockDirectory } from '../state/lock.ts';
import { DiskWatch } from './wal/disk-watch.ts';
import { ObjectStoreSettings } from './store/object-store.ts';
import { manifestSigner } from './archive/sign-manifest.ts';
import { type DiskState, type WalEvents, type WalState, WriteAheadLog } from './wal/wal.ts';
import { nodeWalStorage, type WalStorage } from './wal/wal-file.ts';
import { walFiles } from './wal/wal-reader.ts';

interface RecordingLimits {
  /** Below: no new sessions. Below half: running ones end. From 125 %: all is well. */
  readonly minFreeBytes: number;
  readonly walFileBytes: number;
  readonly walFileAgeMs: number;
  /** How long sessions pause for a log that cannot be written before they end. */
  readonly pauseMs: number;
  readonly syncMs: number;
  /** Objects on their way to the store at one time. */
  readonly uploads: number;
  readonly backOff: { readonly firstMs: number; readonly longestMs: number };
  /** For sessions that a crash left without their first frame, which names the grant's retention. */
  readonly defaultRetainDays: number;
}

const DEFAULT_RECORDING_LIMITS: RecordingLimits = {
  minFreeBytes: 512 * 1024 * 1024,
  walFileBytes: 64 * 1024 * 1024,
  walFileAgeMs: 3_600_000,
  pauseMs: 5_000,
  syncMs: 200,
  uploads: 8,
  backOff: { firstMs: 500, longestMs: 60_000 },
  defaultRetainDays: 365,
};

export interface RecordingLogOptions {
  /** The connector's own folder for this, made when missing. One process at a time. */
  readonly directory: string;
  readonly connector: { readonly id: ConnectorId; readonly name: string; readonly build: string };
  /** Ed25519 private key, or its PKCS #8 PEM. */
  readonly signingKey: KeyObject | string;
  /** Public keys before it, base64url. */
  readonly earlierKeys?: readonly string[];
  readonly store: ObjectStoreSettings;
  readonly limits?: Partial<RecordingLimits>;
  /** segment.stored, manifest.stored and connector.fault. Must not throw. */
  readonly onReport: (report: Report) => void;
  /** Sessions that an earlier process asked the edge for, and did not see begin. */
  readonly opening?: readonly SessionId[];
  /** Once what an earlier process left has been read, and again when the archiver's thread had to be started anew: those of `opening` of which the log has nothing. */
  readonly onRecovered?: (unbegun: readonly SessionId[]) => void;
  readonly clock?: RecordingClock;
  /** Where the log's files are. Tests put failing disks here. */
  readonly storage?: (directory: string) => WalStorage;
}

interface RecordingClock {
  /** Milliseconds since the Unix epoch. */
  now(): number;
  monotonicUs(): number;
}

interface OpenFault {
  readonly reason: 'directory_in_use' | 'directory_unusable' | 'key_unusable' | 'store_settings_wrong';
  readonly message: string;
}

export interface RecordingHealth {
  /** Whether open() takes a session now. */
  readonly accepting: boolean;
  readonly log: WalState;
  readonly disk: DiskState;
  readonly freeBytes: number;
  readonly openSessions: number;
  /** What waits to be stored; a second old at most. */
  readonly backlog: Backlog;
  readonly archiverRunning: boolean;
  readonly lastFault: string;
}

export interface RecordingLog extends SessionLog {
  health(): RecordingHealth;
  /** What waits on this disk to be stored. */
  waiting(): Promise<SpoolUsage>;
  /** Sessions that end from now on are sealed with this key. Throws for a key that is no Ed25519 private key. */
  signWith(key: KeyObject, earlierKeys: readonly string[]): void;
  /** Cuts and uploads at once what is in the log; resolves at the deadline at the latest. What is left is taken up by the next start. */
  drain(deadlineMs: number): Promise<{ readonly drained: boolean; readonly backlog: Backlog }>;
  /** Makes the log durable and stops. Call after the sessions have ended; drain first, to leave nothing behind. */
  close(): Promise<void>;
}

const systemClock: RecordingClock = { now: () => Date.now(), monotonicUs: () => performance.now() * 1000 };
const DISK_WATCH_MS = 1_000;

export async function openRecordingLog(options: RecordingLogOptions): Promise<Result<RecordingLog, OpenFault>> {
  const settings = ObjectStoreSettings.safeParse(options.store);
  if (!settings.success) {
    const at = settings.error.issues[0]?.path.join('.') ?? '';
    return err({ reason: 'store_settings_wrong', message: `the object store's settings are wrong at ${at || 'kind'}` });
  }
  const signingKey = readKey(options.signingKey);
  if (!signingKey) return err({ reason: 'key_unusable', message: 'the signing key is not an Ed25519 private key' });
  const { directory } = options;
  let release: (() => void) | undefined;
  try {
    mkdirSync(join(directory, 'wal'), { recursive: true, mode: 0o700 });
    release = lockDirectory(directory);
    if (!release) return err({ reason: 'directory_in_use', message: `another connector records into ${directory}` });
    return ok(await start(options, settings.data, signingKey, release));
  } catch (error) {
    release?.();
    const code = (error as NodeJS.ErrnoException).code ?? (error instanceof Error ? error.message : 'error');
    return err({ reason: 'directory_unusable', message: `cannot record into ${directory}: ${code}` });
  }
}

async function start(
  options: RecordingLogOptions,
  store: ReturnType<typeof ObjectStoreSettings.parse>,
  signingKey: string,
  release: () => void,
): Promise<RecordingLog> {
  const limits = { ...DEFAULT_RECORDING_LIMITS, ...options.limits };
  const clock = options.clock ?? systemClock;
  const { directory, connector, onReport } = options;
  const walDirectory = join(directory, 'wal');
  const committed = new CommittedPosition();
  const firstFile = (walFiles(walDirectory).at(-1) ?? 0) + 1;
  const fault = (reason: string, message: string): void =>
    onReport({ kind: 'connector.fault', reason, message, at: new Date(clock.now()).toISOString() });
  const storage = (options.storage ?? nodeWalStorage)(walDirectory);
  const events: WalEvents = {
    failing: (message) => fault('log_failing', message),
    recovered() {
      fault('log_recovered', 'the write-ahead log can be written again');
      if (wal.disk === 'ok') archiver.sessionsRun(true);
    },
    failed(message) {
      fault('log_failed', `sessions are ended: ${message}`);
      archiver.sessionsRun(false);
      void disk.look();
    },
    endedUnlogged: (end) => archiver.end(end),
    deliveryThrew: (error) => fault('delivery_failed', error instanceof Error ? error.message : 'unknown error'),
  };
  const wal = new WriteAheadLog({
    storage,
    firstFile,
    committed,
    clock,
    events,
    limits: {
      fileBytes: limits.walFileBytes,
      fileAgeMs: limits.walFileAgeMs,
      pauseMs: limits.pauseMs,
      syncMs: limits.syncMs,
    },
  });
  const archiver = new ArchiverThread(
    {
      directory,
      connector,
      signing: { key: signingKey, earlierKeys: options.earlierKeys ?? [] },
      store,
      firstFile,
      committed: committed.buffer,
      defaultRetainDays: limits.defaultRetainDays,
      concurrency: limits.uploads,
      backOff: limits.backOff,
      opening: options.opening ?? [],
    },
    onReport,
    (unbegun) => options.onRecovered?.(unbegun),
    () => clock.now(),
  );
  const disk = new DiskWatch({
    freeBytes: () => storage.freeBytes(),
    minFreeBytes: limits.minFreeBytes,
    everyMs: DISK_WATCH_MS,
    onChange(state, freeBytes) {
      fault(`disk_${state}`, `${Math.floor(freeBytes / 1024 / 1024)} MiB are free for the write-ahead log`);
      wal.diskIs(state);
      if (state !== 'low') archiver.sessionsRun(state === 'ok');
    },
    onShort: () => wal.diskIsShort(),
  });
  await disk.look();
  return {
    keepOriginals: wal.keepOriginals,
    open(opened, onFailed, originals) {
      const recorder = wal.open(opened, onFailed, originals);
      if (recorder.ok) archiver.opened(opened.session);
      return recorder;
    },
    health: () => ({
      accepting: wal.state === 'ready' && wal.disk === 'ok',
      log: wal.state,
      disk: wal.disk,
      freeBytes: disk.freeBytes,
      openSessions: wal.openSessions,
      backlog: archiver.backlog,
      archiverRunning: archiver.running,
      lastFault: wal.lastFault,
    }),
    waiting: () => spoolUsage(directory),
    signWith(key, earlierKeys) {
      const text = readKey(key);
      if (text === undefined) throw new Error('the signing key is not an Ed25519 private key');
      archiver.sign({ key: text, earlierKeys });
    },
    async drain(deadlineMs) {
      wal.commitNow();
      return { drained: await archiver.drain(deadlineMs), backlog: archiver.backlog };
    },
    async close() {
      disk.stop();
      await wal.close();
      await archiver.close();
      release();
    },
  };
}

function readKey(key: KeyObject | string): string | undefined {
  try {
    manifestSigner(key);
    return key instanceof KeyObject ? String(key.export({ type: 'pkcs8', format: 'pem' })) : key;
  } catch {
    return undefined;
  }
}
