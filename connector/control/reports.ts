// Makes a report fit the control link's limits: its words may come from a client (an e-mail of
// 5,000 characters), and one report that the edge cannot take would block all behind it.

import { type Report, Reported } from '../../core/control.ts';

const clip = (text: string, characters: number): string =>
  text.length <= characters ? text : `${text.slice(0, characters - 1)}…`;

export function fitReport(report: Report, now: () => number): Report {
  const fitted = clipped(report);
  if (Reported.shape.report.safeParse(fitted).success) return fitted;
  // A bug somewhere; say so rather than losing it or blocking the link.
  return {
    kind: 'connector.fault',
    reason: 'report_malformed',
    message: `a report of kind ${clip(String(report.kind), 50)} could not be sent`,
    at: new Date(now()).toISOString(),
  };
}

function clipped(report: Report): Report {
  switch (report.kind) {
    case 'attempt.refused':
      return {
        ...report,
        email: clip(report.email, 254),
        resource: clip(report.resource, 253),
        clientAddress: clip(report.clientAddress, 64),
      };
    case 'connector.fault':
      return { ...report, reason: clip(report.reason, 100), message: clip(report.message, 1000) };
    case 'session.ended':
      return { ...report, message: clip(report.message, 1000) };
    default:
      return report;
  }
}
