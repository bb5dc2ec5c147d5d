/** What a file is for, in words. */

const words: Readonly<Record<string, string>> = {
  'fine-tune': 'Training',
  'fine-tune-results': 'Results of a job',
  evals: 'Evaluation',
  batch: 'Batch',
  batch_output: 'Answers of a batch',
  user_data: 'Anything',
  assistants: 'Assistants',
  vision: 'Vision',
};

export const purposeWords = (purpose: string): string => words[purpose] ?? purpose;
