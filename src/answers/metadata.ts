/** The pairs that a caller may attach to what is kept. */

export type Metadata = Readonly<Record<string, string>>;
