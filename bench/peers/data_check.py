"""The peer of data.ts: a chat file checked in Python, by the same rules and with the same care.

    data_check.py FILE

Parses every line with json, finds keys that are there twice, half characters and __proto__, checks roles, keys,
contents, weights and tool calls, and looks for repeated rows. Prints one JSON line at the end.
"""

import hashlib
import json
import resource
import sys
import time

MESSAGE_KEYS = {
    "system": {"role", "content", "name"},
    "developer": {"role", "content", "name"},
    "user": {"role", "content", "name"},
    "assistant": {"role", "content", "name", "refusal", "tool_calls", "function_call", "weight"},
    "tool": {"role", "content", "tool_call_id", "name"},
    "function": {"role", "content", "name"},
}
LINE_KEYS = {"messages", "tools", "parallel_tool_calls", "functions"}


class Checker:
    def __init__(self):
        self.errors = {}
        self.seen = set()
        self.rows = 0

    def count(self, code):
        self.errors[code] = self.errors.get(code, 0) + 1

    def fields(self, pairs):
        """An object of the JSON text: the only place where Python shows keys that are there twice."""
        fields = dict(pairs)
        if len(fields) != len(pairs):
            self.count("duplicate_key")
        if "__proto__" in fields:
            self.count("forbidden_key")
        return fields

    def line(self, raw):
        if not raw.strip():
            return
        self.rows += 1
        try:
            text = raw.decode("utf-8")
        except UnicodeDecodeError:
            return self.count("not_utf8")
        try:
            example = json.loads(text, object_pairs_hook=self.fields)
        except (json.JSONDecodeError, RecursionError):
            return self.count("not_json")
        if not isinstance(example, dict):
            return self.count("data_type")
        if "\\ud" in text or "\\uD" in text:
            try:
                json.dumps(example, ensure_ascii=False).encode("utf-8")
            except UnicodeEncodeError:
                self.count("lone_surrogate")
        messages = example.get("messages")
        if not isinstance(messages, list) or not messages:
            return self.count("missing_messages_list")
        for key in example:
            if key not in LINE_KEYS:
                self.count("unrecognized_key")
        for message in messages:
            self.message(message)
        answers = [message for message in messages if message.get("role") == "assistant"]
        if not answers:
            self.count("example_missing_assistant_message")
        elif all(message.get("weight") == 0 for message in answers):
            self.count("nothing_supervised")
        fingerprint = hashlib.sha1(raw.strip()).digest()[:8]
        if fingerprint in self.seen:
            self.count("duplicate_row")
        self.seen.add(fingerprint)

    def message(self, message):
        if not isinstance(message, dict):
            return self.count("data_type")
        role = message.get("role")
        if role is None:
            return self.count("message_missing_key")
        known = MESSAGE_KEYS.get(role)
        if known is None:
            return self.count("unrecognized_role")
        for key in message:
            if key not in known:
                self.count("message_unrecognized_key")
        content = message.get("content")
        calls = message.get("tool_calls") or message.get("function_call")
        if not isinstance(content, (str, list)) and not (role == "assistant" and calls):
            self.count("missing_content")
        if message.get("weight") not in (None, 0, 1):
            self.count("invalid_weight")
        if message.get("tool_calls"):
            for call in message["tool_calls"]:
                try:
                    json.loads(call["function"]["arguments"])
                except (KeyError, TypeError, json.JSONDecodeError):
                    self.count("invalid_tool_call")


def check(path):
    checker = Checker()
    with open(path, "rb") as file:
        for raw in file:
            checker.line(raw)
    return checker.rows


if __name__ == "__main__":
    started, started_cpu = time.perf_counter(), time.process_time()
    rows = check(sys.argv[1])
    measured = {
        "rows": rows,
        "seconds": time.perf_counter() - started,
        "cpuSeconds": time.process_time() - started_cpu,
        "maxRssMegabytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000,
    }
    print(json.dumps(measured))
