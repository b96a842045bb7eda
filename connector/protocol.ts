// What a protocol is. Of the seam it stands at, door.ts is the side of the bytes and action.ts that of the words;
// connector/session drives both. registry.ts lists who implements it.

import type { z } from 'zod';
import type { Refusal } from '../core/refusal.ts';
import type { Resource } from '../core/resource.ts';
import type { Result } from '../core/result.ts';
import type { Secret } from '../core/secret.ts';
import type {
  CredentialSource,
  LoginPlace,
  LoginSource,
  SessionLogins,
  SessionScope,
} from './credentials/credential.ts';
import type { ByteStream, Door, TargetRefusal } from './door.ts';

/** One a kind of listener. `Upstream`: what its module opens for a session. */
export interface Protocol<Upstream> {
  /**
   * Carries one connection to its end. Dials nothing before `door.enter` answered, and sends nothing upstream (law 2).
   * Never throws for what a client sent.
   */
  carry(stream: ByteStream, door: Door<Upstream>): Promise<void>;
  /** Tells a client that has not been listened to, and closes. Resolves when the stream is closed. */
  turnAway(stream: ByteStream, refusal: Refusal): Promise<void>;
  /** Dials the target, logs in as the gateway would, and leaves. Changes nothing there. */
  tryTarget(upstream: Upstream): Promise<Result<undefined, TargetLoginFault>>;
  /** Whether that login may do what its sessions need beside it: a user of their own. For the operator. */
  tryRights?(upstream: Upstream): Promise<Result<undefined, string>>;
  /** By what clients know its listener, where that is no certificate. The error is for the operator: it cannot listen. */
  readonly hostKey?: Result<HostKey, string>;
}

/** `refusal`: as a session is told of it; `detail`: for the operator alone, since it may hold what the target said. */
export interface TargetLoginFault {
  readonly refusal: TargetRefusal;
  readonly detail: string;
}

interface HostKey {
  /** As known_hosts has it behind the host: `ssh-ed25519 AAAA...`. Announced to the edge. */
  readonly line: string;
  /** For the operator, when the listener starts. */
  readonly notes: readonly string[];
  /**
   * A certificate of it by the edge's authority, to be shown to new connections from now on, until it ends. Gives that end, in
   * milliseconds since the epoch; undefined: it is no certificate of this key that holds now.
   */
  present(certificate: string): number | undefined;
}

/** Small private files in the connector's state directory. */
export interface KeptFiles {
  /** What is kept under this name, made and kept if there is nothing yet. The error is for the operator. */
  keep(name: string, make: () => string): Result<string, string>;
}

/** What a resource's settings name and cannot be had. For the operator. */
export interface TargetFault {
  /** The key: `password`, `tls.ca`. */
  readonly setting: string;
  readonly of: 'credential' | 'authority';
  readonly message: string;
}

/** Of keys that do not go together. */
export interface Mistake {
  readonly path: readonly string[];
  readonly message: string;
  /** A key is missing: none that is there is wrong. */
  readonly lacks?: boolean;
}

export interface TargetTools {
  /** Fetched for this session alone (law 8). The error is for the operator. */
  credential(source: CredentialSource): Promise<Result<Secret<string>, string>>;
  /** The same of a database, where it may be a user made for the session. */
  login(source: LoginSource, place: LoginPlace): Promise<Result<SessionLogins, string>>;
  readonly session: SessionScope;
  readonly connectTimeoutMs: number;
}

/**
 * What a protocol gives to the connector: its settings and how to begin. `Settings`: of a resource, with paths made
 * absolute; `Upstream`: of a target, for one session.
 */
export interface ProtocolModule<Settings, Upstream> {
  /** Where its listener is when nobody says. */
  readonly defaultPort: number;
  /** Keys of `listeners.NAME` beside host, port, advertise and plainText. */
  readonly listener: z.ZodObject;
  /** Keys of a resource beside name, protocol, labels and description. */
  readonly resource: z.ZodObject;
  /** What of a resource's keys does not go together, where the schema of each alone cannot say so. */
  mistakes?(resource: unknown): readonly Mistake[];
  /** `resource`: what its schema gave, perhaps with keys of others. `there` makes a path of the file's absolute. */
  settle(resource: unknown, there: (path: string) => string): Settings;
  /** What the edge is told of it beside name and labels; never an address or a credential (laws 8 and 9). */
  announce(settings: Settings): Pick<Resource, 'defaultDatabase' | 'login'>;
  /** Where it is, for the operator. */
  address(settings: Settings): string;
  /** Reads what the settings name: the credential, the authority. Dials nothing. */
  openTarget(settings: Settings, tools: TargetTools): Promise<Result<Upstream, readonly TargetFault[]>>;
  /**
   * `listener`: what its schema gave, perhaps with keys of others. Without `files` nothing is kept.
   */
  create(listener: unknown, files?: KeptFiles): Protocol<Upstream>;
}
