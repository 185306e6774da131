"""The official SDKs of OpenAI and Anthropic: base address, key, steps; one JSON line each."""
import json
import sys

import anthropic
import openai

BASE, KEY, STEPS = sys.argv[1], sys.argv[2], json.loads(sys.argv[3])
chat = openai.OpenAI(base_url=f"{BASE}/v1", api_key=KEY, max_retries=0)
claude = anthropic.Anthropic(base_url=BASE, api_key=KEY, max_retries=0)


def run(kind, model, text):
    said = [{"role": "user", "content": text}]
    if kind == "chat":
        answer = chat.chat.completions.create(model=model, messages=said)
        return answer.choices[0].message.content, answer.usage.total_tokens
    if kind == "chat-stream":
        chunks = list(chat.chat.completions.create(model=model, messages=said, stream=True))
        return "".join(chunk.choices[0].delta.content or "" for chunk in chunks), len(chunks)
    if kind == "responses":
        return chat.responses.create(model=model, input=text).output_text, 0
    if kind == "responses-stream":
        events = list(chat.responses.create(model=model, input=text, stream=True))
        return events[-1].response.output_text, len(events)
    if kind == "messages":
        return claude.messages.create(model=model, max_tokens=50, messages=said).content[0].text, 0
    if kind == "messages-stream":
        with claude.messages.stream(model=model, max_tokens=50, messages=said) as stream:
            return stream.get_final_text(), 0
    if kind == "list":
        return [model.id for model in chat.models.list()], 0
    if kind == "embeddings":
        return str(chat.embeddings.create(model=model, input=text)), 0
    raise ValueError(kind)


for step in STEPS:
    try:
        print(json.dumps(run(*step)), flush=True)
    except (openai.APIStatusError, anthropic.APIStatusError) as error:
        print(json.dumps({"status": error.status_code, "why": str(error)}), flush=True)
    except Exception as error:
        print(json.dumps({"error": f"{type(error).__name__} {error}"}), flush=True)
