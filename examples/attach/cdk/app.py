"""A function on the faas-supervisor layer."""

from os import environ
from pathlib import Path

from aws_cdk import App, CfnOutput, Duration, RemovalPolicy, Size, Stack
from aws_cdk.aws_lambda import Architecture, Code, Function, LayerVersion, Runtime

HERE = Path(__file__).resolve().parent
# Where `make layer` leaves the zips; faas-deploy reads the same variable.
LAYERS = Path(environ.get("FAAS_LAYER_DIR", HERE / "../../../target/layer"))

app = App()
stack = Stack(app, "Greet")

supervisor = LayerVersion(
    stack,
    "Supervisor",
    layer_version_name="faas-supervisor",
    code=Code.from_asset(str(LAYERS / "faas-supervisor-x86_64.zip")),
    compatible_runtimes=[Runtime.PYTHON_3_13],
    compatible_architectures=[Architecture.X86_64],
    license="Apache-2.0",
    # Functions that still use an older version keep it.
    removal_policy=RemovalPolicy.RETAIN,
)

greet = Function(
    stack,
    "Function",
    code=Code.from_asset(str(HERE / "../function")),
    handler="supervisor.handler",
    runtime=Runtime.PYTHON_3_13,
    architecture=Architecture.X86_64,
    memory_size=1024,
    ephemeral_storage_size=Size.mebibytes(1024),
    timeout=Duration.seconds(300),
    layers=[supervisor],
    environment={"AWS_LAMBDA_EXEC_WRAPPER": "/opt/exec-wrapper"},
)

CfnOutput(stack, "FunctionName", value=greet.function_name)
app.synth()
