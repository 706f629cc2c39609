/** What came from outside against the schema that it should have. Pure. */
import { type GenericSchema, getDotPath, safeParse } from "valibot";

export type Check<T> =
  | { readonly fits: true; readonly value: T }
  /** `fault`: where it does not fit, in one line. */
  | { readonly fits: false; readonly fault: string };

const LONGEST = 120;

export function check<T>(schema: GenericSchema<unknown, T>, value: unknown): Check<T> {
  const { success, output, issues } = safeParse(schema, value, { abortEarly: true });
  if (success) return { fits: true, value: output };
  const [issue] = issues;
  const path = getDotPath(issue);
  const fault = path === null ? issue.message : `${path}: ${issue.message}`;
  return { fits: false, fault: fault.slice(0, LONGEST) };
}
