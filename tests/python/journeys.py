"""What programs written for OpenAI do, with the official Python SDK against a server of ours.

    OPENAI_BASE_URL=http://127.0.0.1:8080/v1 OPENAI_API_KEY=any python journeys.py MODEL

Each journey is a function; its outcome is one line of JSON on stdout: {"journey": ..., "error": null or a trace}.
"""

import base64
import hashlib
import io
import json
import sys
import time
import traceback
from typing import Literal

import openai
from openai import OpenAI
from pydantic import BaseModel

model = sys.argv[1]
client = OpenAI(max_retries=0)


class Place(BaseModel):
    city: Literal["Rome", "Oslo"]
    big: bool


def lines(rows):
    return "\n".join(json.dumps(row) for row in rows).encode()


def chat_rows(count=12):
    return [
        {"messages": [{"role": "user", "content": f"What is {i}?"}, {"role": "assistant", "content": f"It is {i}."}]}
        for i in range(count)
    ]


def files():
    made = client.files.create(file=("train.jsonl", lines(chat_rows())), purpose="fine-tune")
    assert made.object == "file" and made.purpose == "fine-tune" and made.bytes == len(lines(chat_rows()))
    assert client.files.wait_for_processing(made.id).status == "processed"
    assert client.files.content(made.id).read() == lines(chat_rows())
    assert made.id in [each.id for each in client.files.list(purpose="fine-tune")]
    assert client.files.delete(made.id).deleted is True
    try:
        client.files.retrieve(made.id)
        raise AssertionError("a deleted file was found")
    except openai.NotFoundError as error:
        assert error.param == "id", error.body


def uploads():
    content = lines(chat_rows(2000))
    upload = client.uploads.upload_file_chunked(
        file=content,
        filename="large.jsonl",
        bytes=len(content),
        mime_type="text/jsonl",
        purpose="fine-tune",
        part_size=64 * 1024,
        md5=hashlib.md5(content).hexdigest(),
    )
    assert upload.status == "completed" and upload.file is not None
    assert client.files.content(upload.file.id).read() == content


def fine_tuning():
    train = client.files.create(file=("train.jsonl", lines(chat_rows())), purpose="fine-tune")
    job = client.fine_tuning.jobs.create(
        model=model,
        training_file=train.id,
        suffix="python",
        seed=7,
        method={"type": "supervised", "supervised": {"hyperparameters": {"n_epochs": 2, "batch_size": 4}}},
        metadata={"made-by": "python"},
    )
    assert job.status == "validating_files" and job.fine_tuned_model is None
    deadline = time.time() + 120
    while client.fine_tuning.jobs.retrieve(job.id).status not in ("succeeded", "failed", "cancelled"):
        assert time.time() < deadline, "the job takes too long"
        time.sleep(0.2)
    job = client.fine_tuning.jobs.retrieve(job.id)
    assert job.status == "succeeded", job.error
    assert job.fine_tuned_model.split(":")[3] == "python" and len(job.fine_tuned_model.split(":")) == 5
    assert job.hyperparameters.n_epochs == 2 and job.trained_tokens > 0

    events = list(client.fine_tuning.jobs.list_events(job.id, limit=2))  # iterates over all pages
    assert events[-1].message == f"Created fine-tuning job: {job.id}"
    assert len([event for event in events if event.type == "metrics"]) == 6
    checkpoints = client.fine_tuning.jobs.checkpoints.list(job.id).data
    assert checkpoints[0].fine_tuned_model_checkpoint == job.fine_tuned_model
    assert checkpoints[1].fine_tuned_model_checkpoint.endswith(":ckpt-step-3")
    table = base64.b64decode(client.files.content(job.result_files[0]).read()).decode().splitlines()
    assert table[0].startswith("step,train_loss,train_accuracy") and len(table) == 7
    assert job.id in [each.id for each in client.fine_tuning.jobs.list(extra_query={"metadata[made-by]": "python"})]
    assert job.fine_tuned_model in [each.id for each in client.models.list()]
    answer = client.chat.completions.create(
        model=job.fine_tuned_model, messages=[{"role": "user", "content": "What is 3?"}], max_tokens=5
    )
    assert answer.model == job.fine_tuned_model
    assert client.models.delete(job.fine_tuned_model).deleted is True


def a_job_that_is_cancelled():
    train = client.files.create(file=("train.jsonl", lines(chat_rows(200))), purpose="fine-tune")
    job = client.fine_tuning.jobs.create(model=model, training_file=train.id, hyperparameters={"n_epochs": 50})
    assert client.fine_tuning.jobs.cancel(job.id).status == "cancelled"
    try:
        client.fine_tuning.jobs.cancel(job.id)
        raise AssertionError("a cancelled job was cancelled")
    except openai.BadRequestError as error:
        assert error.code == "invalid_job_state", error.body


def chat():
    messages = [{"role": "user", "content": "Hello"}]
    whole = client.chat.completions.create(
        model=model, messages=messages, max_tokens=8, seed=1, n=2, logprobs=True, top_logprobs=2
    )
    assert [choice.index for choice in whole.choices] == [0, 1]
    assert len(whole.choices[0].logprobs.content[0].top_logprobs) == 2
    assert whole.usage.total_tokens == whole.usage.prompt_tokens + whole.usage.completion_tokens
    text, usage = "", None
    stream = client.chat.completions.create(
        model=model, messages=messages, max_tokens=8, temperature=0, stream=True, stream_options={"include_usage": True}
    )
    for chunk in stream:
        usage = chunk.usage or usage
        for choice in chunk.choices:
            text += choice.delta.content or ""
    again = client.chat.completions.create(model=model, messages=messages, max_tokens=8, temperature=0)
    assert text == again.choices[0].message.content
    assert usage.completion_tokens == again.usage.completion_tokens


def structured_answers():
    messages = [{"role": "user", "content": "Tell me of a city as json."}]
    parsed = client.chat.completions.parse(model=model, messages=messages, response_format=Place, max_tokens=400, seed=3)
    assert isinstance(parsed.choices[0].message.parsed, Place)
    free = client.chat.completions.create(
        model=model, messages=messages, response_format={"type": "json_object"}, max_tokens=400, seed=3
    )
    if free.choices[0].finish_reason == "stop":
        assert isinstance(json.loads(free.choices[0].message.content), dict)


weather = {
    "type": "function",
    "function": {
        "name": "weather",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string", "enum": ["Rome", "Oslo"]}},
            "required": ["city"],
            "additionalProperties": False,
        },
    },
}


def tools():
    messages = [{"role": "user", "content": "What is the weather in Rome?"}]
    answer = client.chat.completions.create(
        model=model, messages=messages, tools=[weather], tool_choice="required", parallel_tool_calls=False, max_tokens=1000
    )
    (call,) = answer.choices[0].message.tool_calls
    assert answer.choices[0].finish_reason == "tool_calls" and answer.choices[0].message.content is None
    assert call.function.name == "weather" and json.loads(call.function.arguments)["city"] in ("Rome", "Oslo")
    messages += [answer.choices[0].message, {"role": "tool", "tool_call_id": call.id, "content": "Sunny"}]
    after = client.chat.completions.create(
        model=model, messages=messages, tools=[weather], tool_choice="none", max_tokens=5
    )
    assert after.choices[0].message.tool_calls is None
    name, arguments = "", ""
    for chunk in client.chat.completions.create(
        model=model, messages=messages[:1], tools=[weather], tool_choice="required", max_tokens=1000, stream=True
    ):
        for each in chunk.choices[0].delta.tool_calls or []:
            if each.index == 0:
                name += each.function.name or ""
                arguments += each.function.arguments or ""
    assert name == "weather" and json.loads(arguments)["city"] in ("Rome", "Oslo")


def stored_answers():
    made = client.chat.completions.create(
        model=model,
        messages=[{"role": "user", "content": "Hello"}],
        max_tokens=3,
        store=True,
        metadata={"topic": "greeting"},
    )
    assert client.chat.completions.retrieve(made.id).choices == made.choices
    assert made.id in [each.id for each in client.chat.completions.list(metadata={"topic": "greeting"})]
    assert client.chat.completions.messages.list(made.id).data[0].content == "Hello"
    assert client.chat.completions.update(made.id, metadata={"topic": "other"}).metadata == {"topic": "other"}
    assert client.chat.completions.delete(made.id).deleted is True


def completions():
    scored = client.completions.create(model=model, prompt="One two three", echo=True, max_tokens=0, logprobs=2)
    logprobs = scored.choices[0].logprobs
    assert scored.choices[0].text == "One two three" and logprobs.token_logprobs[0] is None
    assert "".join(logprobs.tokens) == "One two three" and logprobs.text_offset[0] == 0
    several = client.completions.create(model=model, prompt=["One", "Two"], max_tokens=2, n=2)
    assert [choice.index for choice in several.choices] == [0, 1, 2, 3]
    pieces = [chunk.choices[0].text for chunk in client.completions.create(model=model, prompt="One", max_tokens=4, stream=True)]
    assert len(pieces) > 0


def embeddings():
    short = client.embeddings.create(model=model, input=["Hello", "World"])  # base64 on the wire
    floats = client.embeddings.create(model=model, input="Hello", encoding_format="float")
    assert len(short.data) == 2 and len(short.data[0].embedding) == len(floats.data[0].embedding)
    assert all(abs(a - b) < 1e-6 for a, b in zip(short.data[0].embedding, floats.data[0].embedding))
    assert abs(sum(value * value for value in floats.data[0].embedding) - 1) < 1e-3
    assert len(client.embeddings.create(model=model, input="Hello", dimensions=4).data[0].embedding) == 4


def responses():
    made = client.responses.create(model=model, input="Hello", max_output_tokens=16)
    assert made.object == "response" and made.status in ("completed", "incomplete")
    assert client.responses.retrieve(made.id).output_text == made.output_text
    assert client.responses.input_items.list(made.id).data[0].content[0].text == "Hello"
    after = client.responses.create(model=model, input="And?", previous_response_id=made.id, max_output_tokens=16)
    assert after.usage.input_tokens > made.usage.input_tokens
    with client.responses.stream(model=model, input="A city as json.", text_format=Place, max_output_tokens=400) as stream:
        kinds = [event.type for event in stream]
        assert kinds[:2] == ["response.created", "response.in_progress"] and "response.output_text.delta" in kinds
        assert isinstance(stream.get_final_response().output_parsed, Place)
    flat = {"type": "function", "name": "weather", "parameters": weather["function"]["parameters"], "strict": True}
    called = client.responses.create(
        model=model, input="Weather in Oslo?", tools=[flat], tool_choice="required", max_output_tokens=200
    )
    assert [item.type for item in called.output if item.type == "function_call"]
    client.responses.delete(made.id)
    try:
        client.responses.retrieve(made.id)
        raise AssertionError("a deleted response was found")
    except openai.NotFoundError:
        pass


def batches():
    rows = [
        {
            "custom_id": f"request-{i}",
            "method": "POST",
            "url": "/v1/chat/completions",
            "body": {"model": model, "messages": [{"role": "user", "content": f"{i}"}], "max_tokens": 2},
        }
        for i in range(3)
    ]
    rows[2]["body"]["temperature"] = 9
    file = client.files.create(file=("batch.jsonl", lines(rows)), purpose="batch")
    batch = client.batches.create(input_file_id=file.id, endpoint="/v1/chat/completions", completion_window="24h")
    deadline = time.time() + 60
    while batch.status not in ("completed", "failed", "expired", "cancelled"):
        assert time.time() < deadline, "the batch takes too long"
        time.sleep(0.2)
        batch = client.batches.retrieve(batch.id)
    assert batch.status == "completed" and batch.request_counts.completed == 2 and batch.request_counts.failed == 1
    answered = [json.loads(line) for line in client.files.content(batch.output_file_id).text.splitlines()]
    assert sorted(row["custom_id"] for row in answered) == ["request-0", "request-1"]
    failed = [json.loads(line) for line in client.files.content(batch.error_file_id).text.splitlines()]
    assert failed[0]["response"]["status_code"] == 400
    assert batch.id in [each.id for each in client.batches.list()]


def graders():
    grader = {"type": "string_check", "name": "same", "input": "{{sample.output_text}}", "reference": "{{item.answer}}", "operation": "eq"}
    assert client.fine_tuning.alpha.graders.validate(grader=grader).grader.type == "string_check"
    run = client.fine_tuning.alpha.graders.run(grader=grader, model_sample="yes", item={"answer": "yes"})
    assert run.reward == 1 and run.metadata.errors.sample_parse_error is False


def evals():
    made = client.evals.create(
        name="capitals",
        data_source_config={
            "type": "custom",
            "item_schema": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
            "include_sample_schema": True,
        },
        testing_criteria=[
            {"type": "string_check", "name": "same", "input": "{{ sample.output_text }}", "reference": "{{ item.city }}", "operation": "eq"},
            {
                "type": "text_similarity",
                "name": "close",
                "input": "{{ sample.output_text }}",
                "reference": "{{ item.city }}",
                "evaluation_metric": "fuzzy_match",
                "pass_threshold": 0.8,
            },
        ],
        metadata={"team": "geo"},
    )
    assert made.id.startswith("eval_") and made.data_source_config.type == "custom"
    assert made.testing_criteria[1].pass_threshold == 0.8

    rows = [
        {"item": {"city": "Paris"}, "sample": {"output_text": "Paris"}},
        {"item": {"city": "Paris"}, "sample": {"output_text": "paris"}},
    ]
    file = client.files.create(file=("items.jsonl", lines(rows)), purpose="evals")
    ready = ended(made.id, {"type": "jsonl", "source": {"type": "file_id", "id": file.id}})
    assert ready.status == "completed" and ready.result_counts.passed == 1 and ready.result_counts.failed == 1
    assert [each.passed for each in ready.per_testing_criteria_results] == [1, 2]
    failed = list(client.evals.runs.output_items.list(ready.id, eval_id=made.id, status="fail"))
    assert [item.datasource_item["city"] for item in failed] == ["Paris"]
    assert [result.passed for result in failed[0].results] == [False, True]

    asked = ended(
        made.id,
        {
            "type": "completions",
            "model": model,
            "input_messages": {"type": "template", "template": [{"role": "user", "content": "Like {{ item.city }}?"}]},
            "sampling_params": {"temperature": 0, "max_completion_tokens": 4},
            "source": {"type": "file_content", "content": [{"item": {"city": f"City {i}"}} for i in range(5)]},
        },
    )
    assert asked.result_counts.total == 5 and asked.result_counts.errored == 0
    assert asked.per_model_usage[0].invocation_count == 5 and asked.per_model_usage[0].completion_tokens == 20
    items = list(client.evals.runs.output_items.list(asked.id, eval_id=made.id, limit=2))
    assert sorted(item.datasource_item_id for item in items) == [0, 1, 2, 3, 4]
    slow = client.evals.runs.create(
        made.id, data_source=asked.data_source.to_dict() | {"source": {"type": "file_content", "content": [{"item": {"city": "A"}}] * 200}}
    )
    assert client.evals.runs.cancel(slow.id, eval_id=made.id).status == "canceled"
    client.evals.runs.delete(slow.id, eval_id=made.id)
    first = client.evals.runs.output_items.retrieve(items[0].id, run_id=asked.id, eval_id=made.id)
    assert first.to_dict() == items[0].to_dict() and first.sample.input[0].content.startswith("Like City")

    assert [run.id for run in client.evals.runs.list(made.id, order="desc", limit=1)] == [asked.id, ready.id]
    assert client.evals.update(made.id, name="cities").name == "cities"
    assert made.id in [each.id for each in client.evals.list(limit=1)]
    assert client.evals.runs.delete(ready.id, eval_id=made.id).deleted is True
    assert client.evals.delete(made.id).eval_id == made.id
    try:
        client.evals.retrieve(made.id)
        raise AssertionError("a deleted eval was found")
    except openai.NotFoundError:
        pass


def ended(eval_id, data_source):
    run = client.evals.runs.create(eval_id, data_source=data_source)
    deadline = time.time() + 60
    while run.status in ("queued", "in_progress"):
        assert time.time() < deadline, "the run takes too long"
        time.sleep(0.1)
        run = client.evals.runs.retrieve(run.id, eval_id=eval_id)
    return run


def mistakes():
    for act, kind, param in [
        (lambda: client.models.retrieve("nobody"), openai.NotFoundError, "model"),
        (lambda: client.fine_tuning.jobs.retrieve("ftjob-nobody"), openai.NotFoundError, "fine_tune_id"),
        (lambda: client.chat.completions.create(model=model, messages=[]), openai.BadRequestError, "messages"),
        (
            lambda: client.chat.completions.create(model=model, messages=[{"role": "user", "content": "a"}], temperature=3),
            openai.BadRequestError,
            "temperature",
        ),
        (lambda: client.files.create(file=("a.txt", io.BytesIO(b"{}")), purpose="fine-tune"), openai.BadRequestError, "file"),
    ]:
        try:
            act()
        except kind as error:
            assert error.param == param, error.body
            assert error.request_id.startswith("req_"), error.request_id
        else:
            raise AssertionError(f"no {kind.__name__} for {param}")


def raw_answers():
    raw = client.models.with_raw_response.list()
    assert raw.headers["openai-version"] == "2020-10-01" and raw.headers["x-request-id"].startswith("req_")


journeys = [
    files,
    uploads,
    fine_tuning,
    a_job_that_is_cancelled,
    chat,
    structured_answers,
    tools,
    stored_answers,
    completions,
    embeddings,
    responses,
    batches,
    graders,
    evals,
    mistakes,
    raw_answers,
]

if __name__ == "__main__":
    for journey in journeys:
        try:
            journey()
            error = None
        except Exception:
            error = traceback.format_exc()
        print(json.dumps({"journey": journey.__name__, "error": error}), flush=True)
