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
            "AWS_LAMBDA_FUNCTION_VERSION": self.version,
            "AWS_REGION": self.region,
            **self.environment_vars,
        }
        # Moto hands over the body as text, or parsed, as the call was.
        text = event if isinstance(event, str) else json.dumps({} if event is None else event)
        ended = subprocess.run(
            ["node", "-e", _run, file, name, text or "{}"],
            capture_output=True,
            text=True,
            timeout=int(self.timeout),
            env=environment,
            cwd=folder,
        )
        return ended.stdout, ended.returncode != 0, ended.stderr


LambdaFunction._invoke_lambda = _invoke
