/** A model as OpenAI lists it. Whose weights it stands for is the registry's business. */

import type OpenAI from 'openai';

export type Model = OpenAI.Models.Model;
