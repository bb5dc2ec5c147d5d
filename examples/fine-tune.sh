#!/bin/sh
# Fine-tunes a model on a chat JSONL file and asks it something; curl and nothing else.
#
#   OPENAI_BASE_URL=http://127.0.0.1:8080/v1 OPENAI_API_KEY=tunesmith \
#     sh examples/fine-tune.sh smollm2-135m-instruct train.jsonl "Hello"

set -eu
model=$1 path=$2 question=${3:-Hello}
base=${OPENAI_BASE_URL:-http://127.0.0.1:8080/v1}

# api <path> [curl options]: the answer on one line; a refusal goes to stderr and ends the script.
api() {
  where=$1
  shift
  curl --silent --show-error --fail-with-body -H "Authorization: Bearer ${OPENAI_API_KEY:-tunesmith}" "$@" "$base$where"
}
# field <name>: the first string of that name in the JSON on stdin.
field() { sed -n "s/^[^{]*{.*\"$1\": *\"\([^\"]*\)\".*/\1/p" | head -n 1; }

file=$(api /files -F purpose=fine-tune -F "file=@$path" | field id)
echo "uploaded $file"

job=$(api /fine_tuning/jobs -H 'Content-Type: application/json' \
  -d "{\"model\": \"$model\", \"training_file\": \"$file\"}" | grep -o 'ftjob-[A-Za-z0-9]*' | head -n 1)
echo "created $job"

while :; do
  status=$(api "/fine_tuning/jobs/$job" | field status)
  case $status in
    succeeded) break ;;
    failed | cancelled)
      echo "$job $status: $(api "/fine_tuning/jobs/$job" | field message)" >&2
      exit 1
      ;;
  esac
  sleep 1
done

tuned=$(api "/fine_tuning/jobs/$job" | field fine_tuned_model)
echo "$tuned says:"
api /chat/completions -H 'Content-Type: application/json' \
  -d "{\"model\": \"$tuned\", \"messages\": [{\"role\": \"user\", \"content\": \"$question\"}], \"max_tokens\": 50}"
echo
