// EXPLAIN's answer without the values in it: which tables, which way and at what cost stays, what is compared with is
// written over. For plans of statements whose literals are not to be shown; none may hold what code of the database's
// own gave, which can look like anything.

const NAME = '(?:"(?:[^"]|"")*"|[\\w$\\u0080-\\uffff]+)';
const JOINED = '(?: (?:Left|Right|Full|Semi|Anti|Right Semi|Right Anti))?(?: Join)?';
/** A node of the plan: `->  Index Scan using i on t x  (cost=0.00..8.27 rows=1 width=4) (actual rows=1.00 loops=1)` */
const NODE = new RegExp(
  `^\\s*(?:->\\s+)?(?:(?:Parallel|Partial|Finalize|Simple|Async) )*(?:` +
    `(?:(?:Seq|Sample|(?:Bitmap )?Index(?: Only)?|Bitmap Heap|Tid(?: Range)?|Subquery|(?:Table )?Function|Values|CTE|Named Tuplestore|WorkTable|Foreign|Custom) Scan` +
    `|(?:Foreign )?(?:Insert|Update|Delete|Merge))(?: Backward)?(?: \\(\\w+\\))?(?: using ${NAME})?(?: on ${NAME}(?:\\.${NAME})?(?: ${NAME})?)?` +
    `|(?:Nested Loop|Hash|Merge)${JOINED}|(?:Hash)?SetOp(?: (?:Intersect|Except)(?: All)?)?|(?:Group|Hash|Mixed)?Aggregate` +
    '|Result|ProjectSet|(?:Merge )?Append|Recursive Union|BitmapAnd|BitmapOr|Gather(?: Merge)?|Materialize|Memoize|(?:Incremental )?Sort|Group|WindowAgg|Unique|LockRows|Limit' +
    `|(?:InitPlan|SubPlan) [\\w$]+(?: \\(returns [$\\d,]+\\))?|CTE ${NAME})` +
    `(?:\\s+\\((?:cost|actual|never)[^']*\\))?$`,
);
/** `Key: what it says`, also of YAML, whose first key in a list has a dash. */
const PROPERTY = /^(\s*(?:- )?"?([A-Z][\w /()-]*)"?: )(.*)$/s;
/** Properties in numbers and words of the server's own. */
const COUNTS =
  /^(?:Actual .*|Alias|Async Capable|Batches|Buckets|Buffers|Cache Mode|Command|CTE Name|Custom Plan Provider|Disabled|Estimates|Exact Heap Blocks|Execution|Execution Time|Full-sort Groups|Function Name|Generation Time|Heap Blocks|Heap Fetches|Hits|I\/O.*|Index Name|Index Searches|Inlining|Inner Unique|Join Type|JIT|Local .*|Lossy Heap Blocks|Memory.*|Node Type|Operation|Optimization|Options|Original .*|Parallel Aware|Parent Relationship|Partial Mode|Peak Memory Usage|Plan Rows|Plan Width|Planned Partitions|Planning|Planning Time|Pre-sorted Groups|Query Identifier|Relation Name|Rows Removed by .*|Scan Direction|Schema|Serialization|Shared .*|Single Copy|Sort Method|Sort Space .*|Startup Cost|Storage|Strategy|Subplan Name|Subplans Removed|Temp .*|Timing|Total Cost|Triggers|Tuples Inserted|WAL.*|Worker \d+|Workers Launched|Workers Planned|Worker Number)$/;
const VALUE = /'(?:[^']|'')*'?|(?<![\w$."])\d+(?:\.\d+)?/g;

/** Properties of a plan in text that hold expressions. */
const EXPRESSIONS =
  /^(?:Cache Key|Conflict Arbiter Indexes|Conflict Filter|Filter|Function Call|Group Key|Hash Cond|Hash Key|Index Cond|Join Filter|Merge Cond|One-Time Filter|Order By|Output|Params Evaluated|Presorted Key|Recheck Cond|Relations|Remote SQL|Repeatable Seed|Run Condition|Sampling|Settings|Sort Key|Table Function Call|TID Cond|Window)$/;
const COUNTED =
  /^(?:[\d.,:;=()%/\s-]|(?<![A-Za-z])(?:kB|ms|bytes|memory|quicksort|external|merge|sort|top-N|heapsort|Memory|Disk|Usage|Batches|Buckets|Original|originally|Peak|Average|Maximum|Storage|shared|local|temp|hit|read|dirtied|written|write|exact|lossy|records|fpi|buffers|full|time|used|allocated|output|format|text|binary|none|capacity|distinct|keys|lookups|percent|logical|true|false|actual|rows|loops|Inlining|Optimization|Expressions|Deforming|Generation|Emission|Total|Hits|Misses|Evictions|Overflows|Method|Methods|Full-sort|Pre-sorted|Groups|DO|NOTHING|UPDATE)(?![A-Za-z]))*$/;

/** One line of it, or the whole of one in YAML; `json`: it is JSON. */
export function maskPlan(text: string, json = false): string {
  if (json) return maskJson(text);
  return text.includes('\n') ? text.split('\n').map(maskYaml).join('\n') : maskText(text);
}

/** A line may be the rest of a value with a line's end in it: of a line that says anything else than a plan does, nothing stays. */
function maskText(line: string): string {
  const [, head = '', key = '', value = ''] = PROPERTY.exec(line) ?? [];
  if (head !== '' && EXPRESSIONS.test(key)) return head + withoutValues(value);
  if (head !== '' && (COUNTS.test(key) || key.startsWith('Conflict Resolution')) && COUNTED.test(value)) return line;
  if (NODE.test(line) || /^\s*(?:Planning:|JIT:|Trigger .*: time=[\d.]+ calls=\d+|)$/.test(line)) return line;
  return line.replace(/\S/g, '*');
}

/** In YAML a value is all in one line. */
function maskYaml(line: string): string {
  const [, head = '', key = '', value = ''] = PROPERTY.exec(line) ?? [];
  if (head !== '') return COUNTS.test(key) && !value.includes("'") ? line : head + withoutValues(value);
  if (/^[\s\-[\]{}]*$/.test(line)) return line;
  // An item of a list.
  return line.replace(/\S/g, '*');
}

/** Strings of JSON: keys stay, and what they say by what they are. */
function maskJson(text: string): string {
  let key = '';
  return text.replace(
    /"((?:[^"\\]|\\.)*)"(\s*:)?|-?\d+(?:\.\d+)?(?:e[+-]?\d+)?/gi,
    (whole, said: string | undefined, colon: string | undefined) => {
      if (said === undefined) return COUNTS.test(key) ? whole : '0';
      if (colon !== undefined) {
        key = said;
        return whole;
      }
      return COUNTS.test(key) && !said.includes("'") ? whole : `"${withoutValues(said)}"`;
    },
  );
}

const withoutValues = (text: string): string =>
  text.replace(VALUE, (value) =>
    value.startsWith("'") ? `'${'*'.repeat(Math.max(0, value.length - 2))}'` : '*'.repeat(value.length),
  );
