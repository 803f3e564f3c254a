"""Lambda: an invocation runs the function's own Node code, in a process of this machine instead of a container."""
import glob
import io
import json
import os
import subprocess
import tempfile
import zipfile

from moto.awslambda.models import LambdaFunction

_run = """
const [, file, name, event] = process.argv
// What a function writes is its log; the answer has standard output to itself.
console.log = console.info = console.error
const fail = (error) => {
  console.error(error)
  process.stdout.write(JSON.stringify({ errorMessage: error.message, errorType: error.name }))
  process.exit(1)
}
import(file).then(async (module) => {
  const handler = module[name] ?? module.default[name]
  process.stdout.write(JSON.stringify((await handler(JSON.parse(event), {})) ?? null))
}).catch(fail)
"""


def _invoke(self: LambdaFunction, event: str | None = None) -> tuple[str, bool, str]:
    with tempfile.TemporaryDirectory() as folder:
        zipfile.ZipFile(io.BytesIO(self.code_bytes)).extractall(folder)
        module, name = self.handler.rsplit(".", 1)
        file = sorted(glob.glob(f"{folder}/{module}.*js"))[0]
        environment = {
            "PATH": os.environ["PATH"],
            "AWS_LAMBDA_FUNCTION_NAME": self.function_name,
            "AWS_LAMBDA_FUNCTION_VERSION": str(self.version),
            "AWS_REGION": self.region,
            **self.environment_vars,
        }
        # Moto hands over the body as text, or parsed, as the call was.
        text = event if isinstance(event, str) else json.dumps({} if event is None else event)
        self.logs_backend.ensure_log_group(self.logs_group_name)
        try:
            ended = subprocess.run(
                ["node", "-e", _run, file, name, text or "{}"],
                capture_output=True,
                text=True,
                timeout=int(self.timeout),
                env=environment,
                cwd=folder,
            )
        except subprocess.TimeoutExpired:
            said = f"Task timed out after {int(self.timeout)}.00 seconds"
            self.save_logs(said)
            return json.dumps({"errorType": "Sandbox.Timedout", "errorMessage": said}), True, said
        self.save_logs(ended.stderr)
        return ended.stdout, ended.returncode != 0, ended.stderr


LambdaFunction._invoke_lambda = _invoke
