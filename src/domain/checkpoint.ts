/** A checkpoint of a job as OpenAI shows it; its files are a folder the trainer wrote. */

import type OpenAI from 'openai';

export type Checkpoint = OpenAI.FineTuning.Jobs.FineTuningJobCheckpoint;

/** Leave for another project to use a fine-tuned model. */
export type CheckpointPermission = OpenAI.FineTuning.Checkpoints.PermissionListResponse;
