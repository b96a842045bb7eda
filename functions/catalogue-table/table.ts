// DynamoDB with its failures told apart: a condition that did not hold is an answer, everything
// else may pass and is retried by whoever delivers the event.

import {
  type AttributeDefinition,
  ConditionalCheckFailedException,
  CreateTableCommand,
  DescribeTableCommand,
  type DynamoDBClient,
  ResourceInUseException,
} from '@aws-sdk/client-dynamodb';
import {
  BatchGetCommand,
  BatchWriteCommand,
  DeleteCommand,
  DynamoDBDocumentClient,
  GetCommand,
  QueryCommand,
  type QueryCommandInput,
  ScanCommand,
  type ScanCommandInput,
  UpdateCommand,
  type UpdateCommandInput,
} from '@aws-sdk/lib-dynamodb';
import { RetriableFault } from '../faults.ts';
import { carriedBy, INDEXES, PARTITION_KEY, SORT_KEY, STARTED } from './schema.ts';

export type Item = Readonly<Record<string, unknown>>;
export interface ItemKey {
  readonly pk: string;
  readonly sk: string;
}
export type Page = { readonly items: readonly Item[]; readonly last: Item | undefined };
type WithoutTable<T> = Omit<T, 'TableName'>;
type WriteRequest =
  | { readonly PutRequest: { readonly Item: Record<string, unknown> } }
  | { readonly DeleteRequest: { readonly Key: Record<string, unknown> } };

const BATCH_WRITE = 25;
const BATCH_GET = 100;
/** Batches of one segment under way at a time: enough to hide the round trip, few enough to leave the partition's 1,000 writes/s. */
const PARALLEL_BATCHES = 4;
const ATTEMPTS = 8;
const FIRST_PAUSE_MS = 20;
const ACTIVE_ATTEMPTS = 500;

export class CatalogueTable {
  readonly #client: DynamoDBDocumentClient;
  readonly #table: string;

  constructor(client: DynamoDBClient, table: string) {
    this.#client = DynamoDBDocumentClient.from(client, { marshallOptions: { removeUndefinedValues: true } });
    this.#table = table;
  }

  /** Reads what the last write left (consistent). */
  async get(key: ItemKey): Promise<Item | undefined> {
    const command = new GetCommand({ TableName: this.#table, Key: key, ConsistentRead: true });
    return (await retriable(this.#client.send(command))).Item;
  }

  async query(input: WithoutTable<QueryCommandInput>): Promise<Page> {
    const answer = await retriable(this.#client.send(new QueryCommand({ ...input, TableName: this.#table })));
    return { items: answer.Items ?? [], last: answer.LastEvaluatedKey };
  }

  /** All pages of one partition's range, with what the last write left. */
  async queryAll(input: WithoutTable<QueryCommandInput>): Promise<Item[]> {
    const items: Item[] = [];
    let start: Item | undefined;
    do {
      const page: Page = await this.query({
        ...input,
        ConsistentRead: true,
        ...(start && { ExclusiveStartKey: { ...start } }),
      });
      items.push(...page.items);
      start = page.last;
    } while (start);
    return items;
  }

  /** A page of the whole table, in no order: for a reindex, which takes it away. */
  async scan(input: WithoutTable<ScanCommandInput>): Promise<Page> {
    const command = new ScanCommand({ ConsistentRead: true, ...input, TableName: this.#table });
    const answer = await retriable(this.#client.send(command));
    return { items: answer.Items ?? [], last: answer.LastEvaluatedKey };
  }

  /** The new item, or undefined when the condition did not hold. */
  async update(input: WithoutTable<UpdateCommandInput>): Promise<Item | undefined> {
    const command = new UpdateCommand({ ReturnValues: 'ALL_NEW', ...input, TableName: this.#table });
    try {
      return (await this.#client.send(command)).Attributes ?? {};
    } catch (cause) {
      if (cause instanceof ConditionalCheckFailedException) return undefined;
      throw retriableOf(cause);
    }
  }

  /** false: the condition did not hold. */
  async delete(key: ItemKey, condition: string): Promise<boolean> {
    const command = new DeleteCommand({ TableName: this.#table, Key: key, ConditionExpression: condition });
    try {
      await this.#client.send(command);
      return true;
    } catch (cause) {
      if (cause instanceof ConditionalCheckFailedException) return false;
      throw retriableOf(cause);
    }
  }

  /** Puts items without a condition: each must be the same whenever it is written. Keys are distinct. */
  putAll(items: readonly (Item & ItemKey)[]): Promise<void> {
    return this.#writeAll(items.map((item) => ({ PutRequest: { Item: { ...item } } })));
  }

  /** Without a condition; what is not there is none to delete. Keys are distinct. */
  deleteAll(keys: readonly ItemKey[]): Promise<void> {
    return this.#writeAll(keys.map(({ pk, sk }) => ({ DeleteRequest: { Key: { pk, sk } } })));
  }

  async #writeAll(all: readonly WriteRequest[]): Promise<void> {
    const batches: WriteRequest[][] = [];
    for (let i = 0; i < all.length; i += BATCH_WRITE) batches.push(all.slice(i, i + BATCH_WRITE));
    await Promise.all(
      Array.from({ length: PARALLEL_BATCHES }, async () => {
        for (let batch = batches.pop(); batch; batch = batches.pop()) await this.#writeBatch(batch);
      }),
    );
  }

  async #writeBatch(batch: WriteRequest[]): Promise<void> {
    let requests = batch;
    for (let attempt = 0; requests.length > 0; attempt++) {
      if (attempt === ATTEMPTS) throw new RetriableFault('the catalogue is throttled');
      if (attempt > 0) await pause(FIRST_PAUSE_MS * 2 ** attempt);
      const answer = await retriable(
        this.#client.send(new BatchWriteCommand({ RequestItems: { [this.#table]: requests } })),
      );
      requests = (answer.UnprocessedItems?.[this.#table] ?? []) as WriteRequest[];
    }
  }

  /** By `pk` and `sk`, in the order asked for; what is not there is left out. `consistent`: as the last write left them. */
  async getAll(keys: readonly ItemKey[], consistent = false): Promise<Item[]> {
    const found = new Map<string, Item>();
    for (let i = 0; i < keys.length; i += BATCH_GET) {
      let wanted: Record<string, unknown>[] = keys.slice(i, i + BATCH_GET).map(({ pk, sk }) => ({ pk, sk }));
      for (let attempt = 0; wanted.length > 0; attempt++) {
        if (attempt === ATTEMPTS) throw new RetriableFault('the catalogue is throttled');
        if (attempt > 0) await pause(FIRST_PAUSE_MS * 2 ** attempt);
        const answer = await retriable(
          this.#client.send(
            new BatchGetCommand({ RequestItems: { [this.#table]: { Keys: wanted, ConsistentRead: consistent } } }),
          ),
        );
        for (const item of answer.Responses?.[this.#table] ?? []) found.set(`${item.pk}\n${item.sk}`, item);
        wanted = answer.UnprocessedKeys?.[this.#table]?.Keys ?? [];
      }
    }
    return keys.flatMap(({ pk, sk }): Item[] => {
      const item = found.get(`${pk}\n${sk}`);
      return item ? [item] : [];
    });
  }
}

/** For the local start and tests; in AWS the table is infra's. Resolves when it can be used, also when it was there already. */
export async function createCatalogueTable(client: DynamoDBClient, table: string): Promise<void> {
  const attributes = new Set([PARTITION_KEY, SORT_KEY, STARTED, ...INDEXES.map(({ partition }) => partition)]);
  const definitions: AttributeDefinition[] = [...attributes].map((name) => ({
    AttributeName: name,
    AttributeType: 'S',
  }));
  try {
    await client.send(
      new CreateTableCommand({
        TableName: table,
        BillingMode: 'PAY_PER_REQUEST',
        AttributeDefinitions: definitions,
        KeySchema: [
          { AttributeName: PARTITION_KEY, KeyType: 'HASH' },
          { AttributeName: SORT_KEY, KeyType: 'RANGE' },
        ],
        GlobalSecondaryIndexes: INDEXES.map(({ name, partition }) => ({
          IndexName: name,
          KeySchema: [
            { AttributeName: partition, KeyType: 'HASH' },
            { AttributeName: STARTED, KeyType: 'RANGE' },
          ],
          Projection: { ProjectionType: 'INCLUDE', NonKeyAttributes: carriedBy(partition) },
        })),
      }),
    );
  } catch (cause) {
    if (!(cause instanceof ResourceInUseException)) throw cause;
  }
  for (let attempt = 0; attempt < ACTIVE_ATTEMPTS; attempt++) {
    const { Table } = await client.send(new DescribeTableCommand({ TableName: table }));
    if (Table?.TableStatus === 'ACTIVE') return;
    await pause(FIRST_PAUSE_MS);
  }
  throw new RetriableFault('the catalogue did not become ready');
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

async function retriable<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (cause) {
    throw retriableOf(cause);
  }
}

function retriableOf(cause: unknown): RetriableFault {
  // The SDK's message can quote the item; its name cannot.
  const name = cause instanceof Error ? cause.name : 'unknown';
  return new RetriableFault(`the catalogue does not answer: ${name}`, { cause });
}
