"""Renders the published chat templates in this folder with the environment of the transformers
library and writes what comes out to expected/.

    pip install transformers jinja2
    python tests/data/chat/make_chat.py

No model is needed. Where each template was published stands in sources.json, with the special
tokens of that model. The clock that templates ask for the date stands still.
"""

import json
from datetime import datetime
from pathlib import Path

import jinja2
import transformers.utils.chat_template_utils as utils

HERE = Path(__file__).parent
NOW = datetime(2024, 7, 26, 9, 5, 3)


class StoppedClock(datetime):
    @classmethod
    def now(cls, tz=None):
        return NOW


def render(template, specials, messages, generation, variables):
    try:
        texts, _ = utils.render_jinja_template(
            conversations=[messages],
            chat_template=template,
            add_generation_prompt=generation,
            **{**specials, **variables},
        )
        return {"text": texts[0]}
    except jinja2.exceptions.UndefinedError:
        return {"fails": "undefined"}
    except jinja2.exceptions.TemplateError as error:
        return {"refuses": str(error)}
    except Exception as error:
        return {"fails": type(error).__name__}


def small_tokenizer():
    """A byte-level tokenizer with the special tokens of several models, which puts BOS before every
    text as Llama's does."""
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, processors, trainers

    tokens = ["<|begin_of_text|>", "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>", "<|im_start|>",
              "<|im_end|>", "<|endoftext|>", "<|user|>", "<|assistant|>", "<|system|>"]
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=400,
        special_tokens=[AddedToken(t, special=True, normalized=False) for t in tokens],
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    text = (HERE / "conversations.json").read_text(encoding="utf-8")
    tokenizer.train_from_iterator(text.splitlines(), trainer)
    bos = tokens[0]
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{bos} $A", pair=f"{bos} $A {bos} $B", special_tokens=[(bos, tokenizer.token_to_id(bos))]
    )
    return tokenizer


def token_ids(conversations):
    from transformers import PreTrainedTokenizerFast

    small = small_tokenizer()
    small.save(str(HERE / "tokenizer.json"), pretty=False)
    cases = []
    for name, eos in [("llama-3", "<|eot_id|>"), ("qwen2.5", "<|im_end|>"), ("olmo-2", "<|endoftext|>")]:
        template = (HERE / f"{name}.jinja").read_text(encoding="utf-8")
        tokenizer = PreTrainedTokenizerFast(
            tokenizer_object=small, bos_token="<|begin_of_text|>", eos_token=eos, chat_template=template
        )
        for conversation in ["single", "system", "multi", "white space", "unicode", "special tokens"]:
            messages = conversations[conversation]
            ids = tokenizer.apply_chat_template(
                messages, add_generation_prompt=True, tokenize=True, return_dict=False
            )
            cases.append({"template": name, "eos_token": eos, "conversation": conversation, "ids": ids})
    (HERE / "expected" / "ids.json").write_text(json.dumps(cases) + "\n", encoding="utf-8")


def main():
    utils.datetime = StoppedClock
    conversations = json.loads((HERE / "conversations.json").read_text(encoding="utf-8"))
    sources = json.loads((HERE / "sources.json").read_text(encoding="utf-8"))
    expected = HERE / "expected"
    expected.mkdir(exist_ok=True)
    for path in sorted(HERE.glob("*.jinja")):
        source = sources[path.stem]
        template = path.read_text(encoding="utf-8")
        cases = []
        for name, messages in conversations.items():
            for generation in (True, False):
                for variables in [{}] + source.get("variables", []):
                    result = render(template, source["specials"], messages, generation, variables)
                    cases.append(
                        {"conversation": name, "generation": generation, "variables": variables, **result}
                    )
        text = json.dumps(cases, ensure_ascii=False, indent=0)
        (expected / f"{path.stem}.json").write_text(text + "\n", encoding="utf-8")
    token_ids(conversations)


if __name__ == "__main__":
    main()
