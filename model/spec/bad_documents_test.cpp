// What a user sees of a document that is wrong: the exact text, one row a mistake.

#include <catch2/catch.hpp>

#include "model/spec/parse.h"

namespace dl::spec {
namespace {

struct BadDocument {
  std::string what;
  std::string document;
  std::string shown;
  std::vector<std::string> overrides;
};

// clang-format off
const std::vector<BadDocument> kBadDocuments = {
    {"nothing at all",
     "",
     "job.yaml:1:1: the document is empty; a job needs a model or a command\n",
     {}},
    {"comments alone",
     "# soon\n"
     "---\n",
     "job.yaml:1:1: the document is empty; a job needs a model or a command\n",
     {}},
    {"a list",
     "- model\n"
     "- data\n",
     "job.yaml:1:1: a spec is a mapping of keys, such as \"model: {name: lenet}\", not a "
     "list\n",
     {}},
    {"a word",
     "lenet\n",
     "job.yaml:1:1: a spec is a mapping of keys, such as \"model: {name: lenet}\", not a "
     "single value\n",
     {}},
    {"neither model nor command",
     "name: x\n",
     "job.yaml:1:1: the job has neither a model nor a command; add \"model: {name: "
     "lenet}\" and its data, or \"command: …\"\n",
     {}},
    {"model and command",
     "model: {name: lenet}\n"
     "data: {format: synthetic}\n"
     "command: python3 a.py\n",
     "job.yaml:3:1: command: a job has a model or a command, not both; remove one of them\n",
     {}},
    {"model and roles",
     "model: {name: lenet}\n"
     "data: {format: synthetic}\n"
     "roles: {worker: {count: 2}}\n",
     "job.yaml:3:1: roles: a job has a model or a command, not both; remove one of them\n",
     {}},
    {"an unknown key in a section",
     "model: {name: lenet}\n"
     "data: {format: synthetic}\n"
     "train:\n"
     "  epoch: 3\n",
     "job.yaml:4:3: train.epoch: unknown key \"epoch\"; did you mean \"epochs\"?\n",
     {}},
    {"a key in the wrong section",
     "model: {name: lenet}\n"
     "data: {format: synthetic}\n"
     "learning_rate: 0.1\n",
     "job.yaml:3:1: learning_rate: unknown key \"learning_rate\"; did you mean "
     "\"train.learning_rate\"?\n",
     {}},
    {"a key like nothing known",
     "model: {name: lenet}\n"
     "data: {format: synthetic}\n"
     "colour: red\n",
     "job.yaml:3:1: colour: unknown key \"colour\"; known here: name, command, workdir, "
     "env, grace, model, data, train, strategy, checkpoint, restarts, resources, roles, "
     "search\n",
     {}},
    {"an unknown section",
     "modle: {name: lenet}\n"
     "command: \"true\"\n",
     "job.yaml:1:1: modle: unknown key \"modle\"; did you mean \"model\"?\n",
     {}},
    {"a word where a mapping belongs",
     "model: lenet\n"
     "data: {format: synthetic}\n",
     "job.yaml:1:8: model: must be a mapping of name, classes, hidden, dropout, "
     "categories, embedding, vocabulary, context, width, layers, heads, not \"lenet\"\n",
     {}},
    {"an unknown model",
     "model: {name: lenett}\n"
     "data: {format: synthetic}\n",
     "job.yaml:1:15: model.name: must be one of mlp, lenet, resnet18, resnet50, "
     "inception_v1, vgg19, wide_deep, transformer, not \"lenett\"; did you mean \"lenet\"?\n",
     {}},
    {"a model without a name",
     "model: {classes: 3}\n"
     "data: {format: synthetic}\n",
     "job.yaml:1:1: model.name: is missing; name one of mlp, lenet, resnet18, resnet50, "
     "inception_v1, vgg19, wide_deep, transformer\n",
     {}},
    {"clicks without fields",
     "model: {name: wide_deep, categories: []}\n"
     "data: {format: synthetic}\n",
     "job.yaml:1:26: model.categories: is empty; say how many values each field has\n",
     {}},
    {"parts that do not share a worker's batch",
     "model: {name: lenet}\n"
     "data: {format: synthetic}\n"
     "train: {batch_size: 32, accumulate_steps: 3}\n"
     "strategy: {workers: 2}\n",
     "job.yaml:3:25: train.accumulate_steps: a worker's share of 16 samples cannot be taken in 3 "
     "equal parts; take a train.batch_size that is a multiple of 6\n",
     {}},
    {"float16 without a GPU",
     "model: {name: lenet}\n"
     "data: {format: synthetic}\n"
     "train: {precision: float16}\n",
     "job.yaml:3:9: train.precision: float16 needs GPUs, and the job asks for none "
     "(resources.gpus); take bfloat16\n",
     {}},
    {"an unknown policy for gradients that are not finite",
     "model: {name: lenet}\n"
     "data: {format: synthetic}\n"
     "train: {non_finite: ignore}\n",
     "job.yaml:3:21: train.non_finite: must be one of stop, skip, not \"ignore\"\n",
     {}},
    {"images for a model of text",
     "model: {name: transformer}\n"
     "data: {format: idx, path: /data/mnist}\n",
     "job.yaml:2:8: data.format: idx files hold images, which transformer does not read; "
     "write synthetic, or take another model\n",
     {}},
    {"text for a model of images",
     "model: {name: lenet}\n"
     "data: {format: text, path: /data/book.txt}\n",
     "job.yaml:2:8: data.format: text is read by the transformer alone; take another format or "
     "model\n",
     {}},
    {"heads that do not share the width",
     "model: {name: transformer, heads: 3}\n"
     "data: {format: synthetic}\n",
     "job.yaml:1:28: model.heads: the width of 128 cannot be shared evenly by 3 heads; take "
     "model.width 129\n",
     {}},
    {"a field without values",
     "model: {name: wide_deep, categories: [10, 0]}\n"
     "data: {format: synthetic}\n",
     "job.yaml:1:43: model.categories[1]: must be a whole number from 1 to 1073741824, not "
     "\"0\"\n",
     {}},
    {"a model without data",
     "model: {name: lenet}\n",
     "job.yaml:1:1: data: is missing; a model needs data, such as {format: idx, path: "
     "/data/mnist}\n",
     {}},
    {"data without a format",
     "model: {name: lenet}\n"
     "data: {samples: 5}\n",
     "job.yaml:2:1: data.format: is missing; a model needs data, such as {format: idx, "
     "path: /data/mnist}\n",
     {}},
    {"idx without a path",
     "model: {name: lenet}\n"
     "data: {format: idx}\n",
     "job.yaml:2:1: data.path: is missing; name the folder of the idx files\n",
     {}},
    {"a path that is relative",
     "model: {name: lenet}\n"
     "data: {format: idx, path: data/mnist}\n",
     "job.yaml:2:27: data.path: must be an absolute path such as /data, not \"data/mnist\"\n",
     {}},
    {"a number in quotes",
     "model: {name: lenet}\n"
     "data: {format: synthetic}\n"
     "train: {epochs: \"5\"}\n",
     "job.yaml:3:17: train.epochs: must be a whole number from 1 to 1000000, not \"5\"; "
     "remove the quotes\n",
     {}},
    {"a word for a number",
     "model: {name: lenet}\n"
     "data: {format: synthetic}\n"
     "train: {epochs: five}\n",
     "job.yaml:3:17: train.epochs: must be a whole number from 1 to 1000000, not \"five\"\n",
     {}},
    {"zero epochs",
     "model: {name: lenet}\n"
     "data: {format: synthetic}\n"
     "train: {epochs: 0}\n",
     "job.yaml:3:17: train.epochs: must be a whole number from 1 to 1000000, not \"0\"\n",
     {}},
    {"a negative count",
     "model: {name: lenet}\n"
     "data: {format: synthetic}\n"
     "train: {epochs: -1}\n",
     "job.yaml:3:17: train.epochs: must be a whole number from 1 to 1000000, not \"-1\"\n",
     {}},
    {"a fraction of an epoch",
     "model: {name: lenet}\n"
     "data: {format: synthetic}\n"
     "train: {epochs: 1.5}\n",
     "job.yaml:3:17: train.epochs: must be a whole number from 1 to 1000000, not \"1.5\"\n",
     {}},
    {"a number beyond 64 bits",
     "model: {name: lenet}\n"
     "data: {format: synthetic}\n"
     "train: {seed: 18446744073709551616}\n",
     "job.yaml:3:15: train.seed: must be a whole number from 0 to 18446744073709551615, "
     "not \"18446744073709551616\"\n",
     {}},
    {"a key without a value",
     "model: {name: lenet}\n"
     "data: {format: synthetic}\n"
     "train:\n"
     "  epochs:\n",
     "job.yaml:4:3: train.epochs: has no value; it must be a whole number from 1 to "
     "1000000\n",
     {}},
    {"infinity",
     "model: {name: lenet}\n"
     "data: {format: synthetic}\n"
     "train: {learning_rate: .inf}\n",
     "job.yaml:3:24: train.learning_rate: must be a number above 0, not \".inf\"\n",
     {}},
    {"not a number",
     "model: {name: lenet}\n"
     "data: {format: synthetic}\n"
     "train: {weight_decay: .nan}\n",
     "job.yaml:3:23: train.weight_decay: must be a number of at least 0, not \".nan\"\n",
     {}},
    {"a learning rate of zero",
     "model: {name: lenet}\n"
     "data: {format: synthetic}\n"
     "train: {learning_rate: 0}\n",
     "job.yaml:3:24: train.learning_rate: must be a number above 0, not \"0\"\n",
     {}},
    {"a momentum of one",
     "model: {name: lenet}\n"
     "data: {format: synthetic}\n"
     "train: {momentum: 1}\n",
     "job.yaml:3:19: train.momentum: must be a number of at least 0 and below 1, not \"1\"\n",
     {}},
    {"a number too large for a double",
     "model: {name: lenet}\n"
     "data: {format: synthetic}\n"
     "train: {learning_rate: 1e999}\n",
     "job.yaml:3:24: train.learning_rate: must be a number above 0, not \"1e999\"\n",
     {}},
    {"yes for true",
     "model: {name: lenet}\n"
     "data: {format: synthetic}\n"
     "train: {nesterov: yes}\n",
     "job.yaml:3:19: train.nesterov: must be true or false, not \"yes\"; write true\n",
     {}},
    {"an unknown optimizer",
     "model: {name: lenet}\n"
     "data: {format: synthetic}\n"
     "train: {optimizer: adma}\n",
     "job.yaml:3:20: train.optimizer: must be one of sgd, adam, adamw, not \"adma\"; did "
     "you mean \"adam\"?\n",
     {}},
    {"an unknown strategy",
     "model: {name: lenet}\n"
     "data: {format: synthetic}\n"
     "strategy: {name: tree}\n",
     "job.yaml:3:18: strategy.name: must be one of ring, ps, hybrid, partitioned, local_sgd, "
     "averaging, ensemble, not \"tree\"\n",
     {}},
    {"a batch that does not divide",
     "model: {name: lenet}\n"
     "data: {format: synthetic}\n"
     "train: {batch_size: 100}\n"
     "strategy: {workers: 3}\n",
     "job.yaml:3:9: train.batch_size: the batch of 100 cannot be shared evenly by 3 "
     "workers; take train.batch_size 99 or 102\n",
     {}},
    {"fewer samples in a batch than workers",
     "model: {name: lenet}\n"
     "data: {format: synthetic}\n"
     "train: {batch_size: 2}\n"
     "strategy: {workers: 4}\n",
     "job.yaml:3:9: train.batch_size: the batch of 2 cannot be shared evenly by 4 "
     "workers; take train.batch_size 4\n",
     {}},
    {"a shape of two numbers",
     "model: {name: lenet}\n"
     "data: {format: synthetic, shape: [28, 28]}\n",
     "job.yaml:2:34: data.shape: must be a list of three such as [3, 224, 224], each a "
     "whole number from 1 to 65536, not a list of 2\n",
     {}},
    {"a shape with a zero",
     "model: {name: lenet}\n"
     "data: {format: synthetic, shape: [1, 0, 28]}\n",
     "job.yaml:2:38: data.shape[1]: must be a whole number from 1 to 65536, not \"0\"\n",
     {}},
    {"a warm-up longer than the run",
     "model: {name: lenet}\n"
     "data: {format: synthetic}\n"
     "train: {epochs: 2, schedule: {name: cosine, warmup_epochs: 3}}\n",
     "job.yaml:3:45: train.schedule.warmup_epochs: is longer than train.epochs, 2; "
     "shorten the warm-up\n",
     {}},
    {"nesterov without momentum",
     "model: {name: lenet}\n"
     "data: {format: synthetic}\n"
     "train: {nesterov: true, momentum: 0}\n",
     "job.yaml:3:9: train.nesterov: needs a train.momentum above 0\n",
     {}},
    {"a duration without its unit",
     "model: {name: lenet}\n"
     "data: {format: synthetic}\n"
     "grace: 15\n",
     "job.yaml:3:8: grace: must be a duration with its unit, such as 15s or 500ms, of at "
     "most 1h, not \"15\"; write 15s for seconds\n",
     {}},
    {"a duration that is too long",
     "model: {name: lenet}\n"
     "data: {format: synthetic}\n"
     "grace: 2h\n",
     "job.yaml:3:8: grace: must be a duration with its unit, such as 15s or 500ms, of at "
     "most 1h, not \"2h\"\n",
     {}},
    {"a size with half a unit",
     "model: {name: lenet}\n"
     "data: {format: synthetic}\n"
     "resources: {memory: 4Gi}\n",
     "job.yaml:3:21: resources.memory: must be a size from 0 to 1024TiB, such as 512MiB "
     "or 4GiB, not \"4Gi\"; write 4GiB\n",
     {}},
    {"no resources at all",
     "model: {name: lenet}\n"
     "data: {format: synthetic}\n"
     "resources: {cpus: 0}\n",
     "job.yaml:3:13: resources.cpus: is 0, and so are the GPUs; a task needs one of them\n",
     {}},
    {"a longest wait below the first",
     "model: {name: lenet}\n"
     "data: {format: synthetic}\n"
     "restarts: {backoff: 1m, backoff_max: 10s}\n",
     "job.yaml:3:25: restarts.backoff_max: the longest wait, restarts.backoff_max, is "
     "shorter than the first, restarts.backoff\n",
     {}},
    {"a budget for an unknown failure",
     "model: {name: lenet}\n"
     "data: {format: synthetic}\n"
     "restarts: {oom: 3}\n",
     "job.yaml:3:12: restarts.oom: unknown key \"oom\"; known here: user_code, "
     "out_of_memory, node_lost, preempted, communication, infrastructure, backoff, "
     "backoff_max\n",
     {}},
    {"train beside a command",
     "command: python3 a.py\n"
     "train: {epochs: 3}\n",
     "job.yaml:2:1: train: belongs to a model; a command is told such things by its own "
     "arguments\n",
     {}},
    {"workdir beside a model",
     "model: {name: lenet}\n"
     "data: {format: synthetic}\n"
     "workdir: /srv\n",
     "job.yaml:3:1: workdir: belongs to a command, and this job trains a model\n",
     {}},
    {"an empty command",
     "command: \" \"\n",
     "job.yaml:1:1: command: is empty; write the program to run\n",
     {}},
    {"a command that is a list",
     "command: [python3, a.py]\n",
     "job.yaml:1:10: command: must be text, not a list of 2\n",
     {}},
    {"an unknown role",
     "command: a\n"
     "roles:\n"
     "  master: {count: 1}\n"
     "  worker: {}\n",
     "job.yaml:3:3: roles.master: unknown role \"master\"; did you mean \"chief\"?\n",
     {}},
    {"two chiefs",
     "command: a\n"
     "roles:\n"
     "  chief: {count: 2}\n",
     "job.yaml:3:11: roles.chief.count: must be 1: a job has at most one chief\n",
     {}},
    {"parameter servers alone",
     "command: a\n"
     "roles: {ps: {count: 2}}\n",
     "job.yaml:2:1: roles: has neither a chief nor a worker, and the job ends when those "
     "have ended; add one\n",
     {}},
    {"no role",
     "command: a\n"
     "roles: {}\n",
     "job.yaml:2:1: roles: has no role; add one, such as worker: {count: 2}\n",
     {}},
    {"a role without a command",
     "roles:\n"
     "  chief: {command: a}\n"
     "  worker: {count: 2}\n",
     "job.yaml:3:3: roles.worker.command: is missing; the role needs a command of its "
     "own, or the job one for all\n",
     {}},
    {"resources beside roles",
     "command: a\n"
     "roles: {worker: {count: 2}}\n"
     "resources: {gpus: 1}\n",
     "job.yaml:3:1: resources: stands beside roles; give each role its own, such as "
     "roles.worker.gpus\n",
     {}},
    {"a name with a slash",
     "name: a/b\n"
     "command: a\n",
     "job.yaml:1:7: name: must be a name of at most 63 letters, digits, \".\", \"_\" and "
     "\"-\" that begins with a letter or digit, not \"a/b\"\n",
     {}},
    {"a bad variable",
     "command: a\n"
     "env: {1X: a}\n",
     "job.yaml:2:7: env: \"1X\" is no name of a variable; use letters, digits and \"_\", "
     "the first no digit\n",
     {}},
    {"a variable without a value",
     "command: a\n"
     "env:\n"
     "  X:\n",
     "job.yaml:3:3: env.X: has no value; write \"\" for an empty one\n",
     {}},
    {"a variable that is a list",
     "command: a\n"
     "env: {X: [1]}\n",
     "job.yaml:2:10: env.X: must be text, not a list of 1\n",
     {}},
    {"a key that stands twice",
     "command: a\n"
     "env:\n"
     "  X: a\n"
     "  X: b\n",
     "job.yaml:4:3: env.X: stands twice, in line 3 and in line 4; remove one of them\n",
     {}},
    {"a merge key",
     "command: a\n"
     "env: {<<: {X: a}}\n",
     "job.yaml:2:7: env.<<: merge keys are not supported; write the keys out\n",
     {}},
    {"a tag of a program",
     "command: !!python/object/apply:os.system [ls]\n",
     "job.yaml:1:10: tag \"!!python/object/apply:os.system\" is not supported; remove it\n"
     "job.yaml:1:10: command: must be text, not a list of 1\n",
     {}},
    {"a tag of nobody",
     "command: !run a\n",
     "job.yaml:1:10: tag \"!run\" is not supported; remove it\n",
     {}},
    {"a list as a key",
     "command: a\n"
     "? [1, 2]\n"
     ": b\n",
     "job.yaml:2:3: a key must be plain text; is a bracket left open?\n",
     {}},
    {"an anchor that is unknown",
     "command: *a\n",
     "job.yaml:1:10: not valid YAML: the referenced anchor is not defined\n",
     {}},
    {"an alias of what contains it",
     "command: a\n"
     "env: &e {X: *e}\n",
     "job.yaml:2:13: an alias refers to what contains it\n",
     {}},
    {"two documents",
     "command: a\n"
     "---\n"
     "command: b\n",
     "job.yaml:3:1: a second document begins here; submit one document a job\n",
     {}},
    {"a tab that indents",
     "command: a\n"
     "env:\n"
     "\tX: a\n",
     "job.yaml:3:3: not valid YAML: a tab cannot indent; use spaces\n",
     {}},
    {"two colons",
     "command: echo a: b\n",
     "job.yaml:1:16: not valid YAML: a second \":\" in one line; put text that has \": "
     "\" in quotes\n",
     {}},
    {"a list that is not closed",
     "model: {name: lenet}\n"
     "data: {format: synthetic}\n"
     "train: {epochs: [1\n",
     "job.yaml:4:1: not valid YAML: end of sequence flow not found\n",
     {}},
    {"JSON without a colon",
     "{\"command\" \"a\"}\n",
     "job.yaml:1:12: not valid JSON: \":\" is expected after the key \"command\"\n",
     {}},
    {"JSON that ends early",
     "{\"command\": \"a\",\n"
     " \"env\": {\"X\": \"1\"\n",
     "job.yaml:3:1: not valid JSON: \",\" or \"}\" is expected, but the document ends\n",
     {}},
    {"JSON with text after it",
     "{\"command\": \"a\"} x\n",
     "job.yaml:1:18: not valid JSON: text follows the end of the document\n",
     {}},
    {"JSON with a bad escape",
     "{\"command\": \"a\\x\"}\n",
     "job.yaml:1:16: not valid JSON: a backslash stands before what is no escape; write "
     "\\\\ for a backslash\n",
     {}},
    {"JSON with half a surrogate",
     "{\"command\": \"\\ud83d\"}\n",
     "job.yaml:1:20: not valid JSON: \\u names half of a surrogate pair\n",
     {}},
    {"JSON with a key twice",
     "{\"command\": \"a\",\n"
     " \"env\": {\"X\": \"1\",\n"
     "  \"X\": \"2\"}}\n",
     "job.yaml:3:3: env.X: stands twice, in line 2 and in line 3; remove one of them\n",
     {}},
    {"a wrong type in JSON",
     "{\"command\": \"a\",\n"
     " \"grace\": true}\n",
     "job.yaml:2:11: grace: must be a duration with its unit, such as 15s or 500ms, of "
     "at most 1h, not \"true\"\n",
     {}},
    {"several problems at once",
     "model: {name: lenet}\n"
     "data: {format: synthetic}\n"
     "train:\n"
     "  epochs: many\n"
     "  momentm: 0.9\n"
     "strategy: {workers: 0}\n",
     "job.yaml:4:11: train.epochs: must be a whole number from 1 to 1000000, not \"many\"\n"
     "job.yaml:5:3: train.momentm: unknown key \"momentm\"; did you mean \"momentum\"?\n"
     "job.yaml:6:21: strategy.workers: must be a whole number from 1 to 4096, not \"0\"\n",
     {}},
    {"an override of an unknown key",
     "model: {name: lenet}\n"
     "data: {format: synthetic}\n",
     "job.yaml: train.epoch: override \"train.epoch=3\": unknown key \"epoch\"; did you "
     "mean \"epochs\"?\n",
     {"train.epoch=3"}},
    {"an override with a wrong value",
     "model: {name: lenet}\n"
     "data: {format: synthetic}\n",
     "job.yaml: train.epochs: override \"train.epochs=0\": must be a whole number from 1 "
     "to 1000000, not \"0\"\n",
     {"train.epochs=0"}},
    {"an override without a value",
     "model: {name: lenet}\n"
     "data: {format: synthetic}\n",
     "job.yaml: override \"train.epochs\": must read key=value, such as train.epochs=3\n",
     {"train.epochs"}},
    {"an override into a word",
     "model: {name: lenet}\n"
     "data: {format: synthetic}\n",
     "job.yaml: model.name.x: override \"model.name.x=3\": goes into \"name\", which is "
     "no mapping in the document\n",
     {"model.name.x=3"}},
    {"an override that is no YAML",
     "model: {name: lenet}\n"
     "data: {format: synthetic}\n",
     "job.yaml: env.X: override \"env.X=[1\": a key must be plain text; is a bracket left open?\n",
     {"env.X=[1"}},
    {"an override that makes two keys disagree",
     "model: {name: lenet}\n"
     "data: {format: synthetic}\n",
     "job.yaml: strategy.workers: override \"strategy.workers=3\": the batch of 32 "
     "cannot be shared evenly by 3 workers; take train.batch_size 30 or 33\n",
     {"strategy.workers=3"}},
};
// clang-format on

TEST_CASE("a document that is wrong is refused with its place and the way out", "[spec]") {
  for (const BadDocument& bad : kBadDocuments) {
    INFO(bad.what << ":\n" << bad.document);
    const ParseResult result = parse(bad.document, bad.overrides);
    CHECK_FALSE(result.spec);
    CHECK(to_string(result.problems, "job.yaml") == bad.shown);
  }
}

}  // namespace
}  // namespace dl::spec
