/** Another name for a base model, such as `gpt-4o-mini`, so that programs need not change. Tunesmith's own. */

export interface ModelAlias {
  readonly object: 'model_alias';
  /** The alias itself. */
  readonly id: string;
  /** The base model that it stands for. */
  readonly model: string;
  /** Whether that model is on this machine. */
  readonly available: boolean;
  /** `setting`: by TUNESMITH_MODEL_ALIASES, and only to be changed there. */
  readonly source: 'setting' | 'database';
  /** Null for one of the settings'. */
  readonly created_at: number | null;
}
