// Which keys a schema takes at a place of a document, to tell whoever misspelt one what they may have meant.

import { z } from 'zod';

type Schema = z.core.$ZodType;

/** In any of the forms that the schema takes there; empty where it takes no keys of its own. */
export function keysAt(schema: Schema, path: readonly PropertyKey[]): string[] {
  const there = path.reduce((found, part) => found.flatMap((each) => inside(each, part)), forms(schema));
  return [
    ...new Set(there.flatMap((each) => (each instanceof z.core.$ZodObject ? Object.keys(each._zod.def.shape) : []))),
  ];
}

/** Without what only wraps it. */
function forms(schema: Schema): Schema[] {
  if (schema instanceof z.core.$ZodUnion) return schema._zod.def.options.flatMap(forms);
  if (schema instanceof z.core.$ZodPipe) return [...forms(schema._zod.def.in), ...forms(schema._zod.def.out)];
  if (
    schema instanceof z.core.$ZodOptional ||
    schema instanceof z.core.$ZodDefault ||
    schema instanceof z.core.$ZodPrefault ||
    schema instanceof z.core.$ZodNullable ||
    schema instanceof z.core.$ZodReadonly
  )
    return forms(schema._zod.def.innerType);
  return [schema];
}

function inside(schema: Schema, part: PropertyKey): Schema[] {
  if (schema instanceof z.core.$ZodArray) return forms(schema._zod.def.element);
  if (schema instanceof z.core.$ZodRecord) return forms(schema._zod.def.valueType);
  if (!(schema instanceof z.core.$ZodObject)) return [];
  const { shape } = schema._zod.def;
  const value = Object.hasOwn(shape, part) ? shape[String(part)] : undefined;
  return value === undefined ? [] : forms(value);
}
