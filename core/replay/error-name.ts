// What a statement's failure is called: as the target named it, or in a word where the statement never ran for itself.

interface Failure {
  readonly severity: string;
  readonly code: string;
}

/** `ERROR 42P01`; `skipped` behind a failed statement of its pipeline, `not shown` behind a refused result. */
export function errorName({ severity, code }: Failure): string {
  if (!isGatewayWord({ severity })) return `${severity} ${code}`;
  return code === 'unseen' ? 'not shown' : code;
}

/** It has a word for severity and code that no target gives. */
export const isGatewayWord = ({ severity }: Pick<Failure, 'severity'>): boolean => severity === 'SKIPPED';
