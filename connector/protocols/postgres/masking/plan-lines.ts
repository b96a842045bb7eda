// EXPLAIN's answer without the values in it: which tables, which way and at what cost stays, what is compared with is
// written over. For plans of statements whose literals are not to be shown; none may hold what code of the database's
// own gave, which can look like anything.

/** A node of the plan: `->  Index Scan using i on t x  (cost=0.00..8.27 rows=1 width=4) (actual rows=1.00 loops=1)` */
const NODE = /^\s*(?:->\s+)?[A-Z][A-Za-z]+[^':]*(?:\((?:cost|actual|never)[^']*\))?$/;
/** `Key: what it says`, also of YAML, whose first key in a list has a dash. */
const PROPERTY = /^(\s*(?:- )?"?([A-Z][\w /()-]*)"?: )(.*)$/s;
/** Properties in numbers and words of the server's own. */
const COUNTS =
  /^(?:Actual .*|Alias|Async Capable|Batches|Buckets|Buffers|Cache Mode|Command|CTE Name|Custom Plan Provider|Disabled|Estimates|Exact Heap Blocks|Execution|Execution Time|Full-sort Groups|Function Name|Generation Time|Heap Blocks|Heap Fetches|Hits|I\/O.*|Index Name|Index Searches|Inlining|Inner Unique|Join Type|JIT|Local .*|Lossy Heap Blocks|Memory.*|Node Type|Operation|Optimization|Options|Original .*|Parallel Aware|Parent Relationship|Partial Mode|Peak Memory Usage|Plan Rows|Plan Width|Planned Partitions|Planning|Planning Time|Pre-sorted Groups|Query Identifier|Relation Name|Rows Removed by .*|Scan Direction|Schema|Serialization|Shared .*|Single Copy|Sort Method|Sort Space .*|Startup Cost|Storage|Strategy|Subplan Name|Subplans Removed|Temp .*|Timing|Total Cost|Triggers|Tuples Inserted|WAL.*|Worker \d+|Workers Launched|Workers Planned|Worker Number)$/;
const VALUE = /'(?:[^']|'')*'?|(?<![\w$."])\d+(?:\.\d+)?/g;

/** One line of it, or the whole of one in JSON. */
export function maskPlan(text: string): string {
  return /^\s*[[{]/.test(text) ? maskJson(text) : text.split('\n').map(maskLine).join('\n');
}

function maskLine(line: string): string {
  const [, head = '', key = '', value = ''] = PROPERTY.exec(line) ?? [];
  if (head !== '') return COUNTS.test(key) && !value.includes("'") ? line : head + withoutValues(value);
  if (NODE.test(line) || /^[\s\-[\]{}]*$/.test(line)) return line;
  // An item of a list in YAML, or the rest of a value with a line's end in it, which none can tell from it.
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
