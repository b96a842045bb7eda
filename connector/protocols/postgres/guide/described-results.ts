// Which description of a result belongs to which Query, portal or prepared statement.

import type { Pending } from '../pipeline/pipeline.ts';
import type { Current } from './current-answer.ts';
import type { ResultField } from '../wire/row-description.ts';
import type { Portal, Prepared } from '../pipeline/statement.ts';

type Fields = readonly ResultField[];

export class DescribedResults {
  /** Of the answer to a Query: the description at hand. */
  #ofQuery: Fields | undefined;
  readonly #ofPrepared = new WeakMap<Prepared, Fields>();
  readonly #ofPortal = new WeakMap<Portal, Fields>();

  /** A RowDescription came, in answer to `next`. `fields` undefined: it cannot be read. */
  by(next: Pending | undefined, fields: Fields | undefined): void {
    if (next?.kind !== 'describe') {
      this.#ofQuery = fields;
      return;
    }
    if (!fields) return;
    const { prepared, portal } = next;
    if (prepared) this.#ofPrepared.set(prepared, fields);
    if (portal) this.#ofPortal.set(portal, fields);
    // JDBC describes the first portal of a prepared statement, and none after it.
    if (portal?.prepared && portal.meanings.length === 1) this.#ofPrepared.set(portal.prepared, fields);
  }

  /** Of this very result. */
  exactly({ query, portal }: Current): Fields | undefined {
    return query ? this.#ofQuery : portal && this.#ofPortal.get(portal);
  }

  /** Of the statement that the portal is of, when it was described before. */
  earlier(portal: Portal | undefined): Fields | undefined {
    return portal?.prepared && this.#ofPrepared.get(portal.prepared);
  }
}
