// Tells a connector what is in force for its sessions, over its link's sockets: one policy after the other, so that an older one
// never comes last.

import type { FromEdge } from '../../../core/control.ts';
import type { PolicyInForce } from '../../ports/directory.ts';
import type { PolicyCache } from '../../storage/policy-cache.ts';
import { type Attachment, attachmentOf, send } from '../link-socket.ts';

interface RulesTellerDeps {
  readonly policies: PolicyCache;
  ready(): WebSocket[];
  rulesInForce(connector: Attachment['connector'], policy: PolicyInForce | undefined): AsyncGenerator<FromEdge>;
  /** Whoever cannot be told is unlinked: it asks again by coming back. */
  broken(socket: WebSocket, error: unknown): void;
}

export class RulesTeller {
  readonly #deps: RulesTellerDeps;
  /** Of the policies heard of since this object woke. An admission under way looks here last, too. */
  newestVersion = 0;
  #telling: Promise<void> = Promise.resolve();

  constructor(deps: RulesTellerDeps) {
    this.#deps = deps;
  }

  applied(version: number): Promise<void> {
    this.newestVersion = Math.max(this.newestVersion, version);
    return this.tell();
  }

  /** Resolves once linked connectors have been told what is in force for their sessions. */
  tell(): Promise<void> {
    this.#telling = this.#telling.then(async () => {
      for (const socket of this.#deps.ready()) {
        try {
          await this.#tellTo(socket);
        } catch (error) {
          this.#deps.broken(socket, error);
        }
      }
    });
    return this.#telling;
  }

  /** Resolves once this one has heard of the policy in force. */
  async upToDate(socket: WebSocket): Promise<void> {
    const version = (await this.read())?.version ?? 0;
    await (attachmentOf(socket).toldVersion === version ? this.#telling : this.tell());
  }

  /** A policy whose call never came here is noticed by the alarm. */
  async tellMissed(): Promise<void> {
    if (this.#deps.ready().length === 0) return;
    try {
      const version = (await this.read())?.version ?? 0;
      if (this.#deps.ready().some((socket) => attachmentOf(socket).toldVersion !== version)) await this.tell();
    } catch (error) {
      console.error(`control link: ${error instanceof Error ? error.message : 'the policy could not be read'}`);
    }
  }

  async read(): Promise<PolicyInForce | undefined> {
    const policy = await this.#deps.policies.current();
    this.newestVersion = Math.max(this.newestVersion, policy?.version ?? 0);
    return policy;
  }

  async #tellTo(socket: WebSocket): Promise<void> {
    const policy = await this.read();
    const version = policy?.version ?? 0;
    for await (const message of this.#deps.rulesInForce(attachmentOf(socket).connector, policy)) {
      // Another telling follows for it.
      if (this.newestVersion > version || attachmentOf(socket).state !== 'ready') return;
      send(socket, message);
    }
    if (attachmentOf(socket).state !== 'ready') return;
    socket.serializeAttachment({ ...attachmentOf(socket), toldVersion: version } satisfies Attachment);
  }
}
