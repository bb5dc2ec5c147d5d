/** Small chat templates that behave like the ones in the field. */

const turn = (content: string): string => `{{ '<|im_start|>' + message.role + '\\n' + ${content} + '<|im_end|>\\n' }}`;
const each = (body: string): string => `{% for message in messages %}${body}{% endfor %}`;
const opening = "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}";

/** Plain ChatML. */
export const chatMl = each(turn('message.content')) + opening;

/** Trims what was said, as Llama 3 and Gemma do. */
export const trimming = each(turn('(message.content | trim)')) + opening;

/** Leaves the thoughts of earlier answers out, as Qwen 3 and DeepSeek do. */
export const forgetful =
  each(
    "{% set content = message.content %}{% if message.role == 'assistant' and not loop.last and '</think>' in content %}" +
      `{% set content = content.split('</think>')[-1] %}{% endif %}${turn('content')}`,
  ) + opening;

/** Takes a word out of what was said, as SmolLM3 does, and so can put a control token's name together. */
export const joining = each(turn("message.content.replace('/think', '')")) + opening;

/** Opens every answer with a thought that the conversation does not show, as DeepSeek R1 does. */
export const opinionated =
  each(turn('message.content')) + "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n<think>\\n' }}{% endif %}";

/** Asks for the roles to alternate, as Gemma and Mistral do. */
export const strict =
  each(
    "{% if (message.role == 'user') != (loop.index0 % 2 == 0) %}{{ raise_exception('Roles must alternate.') }}{% endif %}" +
      turn('message.content'),
  ) + opening;

/** Writes the BOS token itself, as Llama 3 does. */
export const withBos = `{{ bos_token }}${chatMl}`;

/** Has no token at the end of an answer. */
export const endless =
  each("{{ '### ' + message.role + '\\n' + message.content + '\\n\\n' }}") +
  "{% if add_generation_prompt %}{{ '### assistant\\n' }}{% endif %}";

const toolList =
  "{% if tools %}{{ '<|im_start|>system\\n' }}{% for tool in tools %}{{ tool | tojson + '\\n' }}{% endfor %}{{ '<|im_end|>\\n' }}{% endif %}";

/** Knows tools, calls and results; announces calls by a control token, one token for each. */
export const tooled =
  toolList +
  each(
    "{{ '<|im_start|>' + message.role + '\\n' + message.content }}" +
      "{% if message.role == 'tool' %}{{ '#' + message.tool_call_id }}{% endif %}" +
      '{% for call in message.tool_calls or [] %}' +
      "{{ '<|tool|>' + ({'name': call.function.name, 'arguments': call.function.arguments} | tojson) }}{% endfor %}{{ '<|im_end|>\\n' }}",
  ) +
  opening;

/** Writes calls between tags, as Qwen and Hermes do. */
export const tagged =
  toolList +
  each(
    "{% if message.role == 'tool' %}{{ '<|im_start|>user\\n<tool_response>\\n' + message.content + '\\n</tool_response><|im_end|>\\n' }}{% else %}" +
      "{{ '<|im_start|>' + message.role }}{% if message.content %}{{ '\\n' + message.content }}{% endif %}" +
      "{% for call in message.tool_calls or [] %}{{ '\\n<tool_call>\\n' }}" +
      '{{ \'{"name": "\' + call.function.name + \'", "arguments": \' + (call.function.arguments | tojson) + \'}\' }}' +
      "{{ '\\n</tool_call>' }}{% endfor %}{{ '<|im_end|>\\n' }}{% endif %}",
  ) +
  opening;

/** Opens every answer with an empty thought, as Qwen 3 does, and names the function last, as some Hermes do. */
export const thoughtful =
  toolList +
  each(
    "{{ '<|im_start|>' + message.role + '\\n' }}{% if message.role == 'assistant' %}{{ '<think></think>\\n' }}{% endif %}" +
      "{% if message.role == 'tool' %}{% if not message.name %}{{ raise_exception('Whose result?') }}{% endif %}{{ message.name + ': ' }}{% endif %}" +
      '{{ message.content }}' +
      "{% for call in message.tool_calls or [] %}{{ '<tool_call>\\n' }}" +
      '{{ \'{ "arguments": \' + (call.function.arguments | tojson) + \', "name": "\' + call.function.name + \'"}\' }}' +
      "{{ '\\n</tool_call>' }}{% endfor %}{{ '<|im_end|>\\n' }}",
  ) +
  opening;

/** Puts all calls, with ids of nine characters, in one list behind a control token, as Mistral does. */
export const listed =
  toolList +
  each(
    "{% if message.tool_calls %}{{ '<|im_start|>assistant\\n<|tool|>[' }}{% for call in message.tool_calls %}" +
      "{% if call.id | length != 9 %}{{ raise_exception('Ids have nine characters.') }}{% endif %}" +
      "{{ {'name': call.function.name, 'arguments': call.function.arguments, 'id': call.id} | tojson }}" +
      "{% if not loop.last %}{{ ', ' }}{% endif %}{% endfor %}{{ ']<|im_end|>\\n' }}" +
      "{% elif message.role == 'tool' %}{{ '<|im_start|>tool\\n' + message.tool_call_id + ': ' + message.content + '<|im_end|>\\n' }}" +
      `{% else %}${turn('message.content')}{% endif %}`,
  ) +
  opening;

/** Answers with the bare JSON of a single call, as Llama 3 does. */
export const bare =
  toolList +
  each(
    "{% if message.tool_calls %}{% if message.tool_calls | length > 1 %}{{ raise_exception('One call at a time.') }}{% endif %}" +
      "{% set call = message.tool_calls[0].function %}{{ '<|im_start|>assistant\\n' }}" +
      '{{ \'{"name": "\' + call.name + \'", "parameters": \' + (call.arguments | tojson) + \'}<|im_end|>\\n\' }}' +
      "{% elif message.role == 'tool' %}{{ '<|im_start|>ipython\\n' + message.content + '<|im_end|>\\n' }}" +
      `{% else %}${turn('message.content')}{% endif %}`,
  ) +
  opening;

/** Writes calls in a way of its own that is no JSON. */
export const peculiar =
  toolList +
  each(
    "{{ '<|im_start|>' + message.role + '\\n' + message.content }}{% for call in message.tool_calls or [] %}" +
      "{{ '<function=' + call.function.name + '>' + (call.function.arguments | tojson) }}{% endfor %}{{ '<|im_end|>\\n' }}",
  ) +
  opening;

/** Prints today's date. */
export const dated = `{{ strftime_now('%Y-%m-%d') + ' ' + strftime_now('%d %b %Y') + '\\n' }}${chatMl}`;
