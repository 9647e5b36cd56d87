terraform {
  required_version = ">= 1.5"
  required_providers {
    archive = {
      source  = "hashicorp/archive"
      version = "~> 2.4"
    }
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.0"
    }
  }
}

locals {
  layer = "${path.module}/../../../target/layer/faas-supervisor-x86_64.zip"
}

resource "aws_lambda_layer_version" "supervisor" {
  layer_name               = "faas-supervisor"
  filename                 = local.layer
  source_code_hash         = filebase64sha256(local.layer)
  compatible_runtimes      = ["python3.13"]
  compatible_architectures = ["x86_64"]
  license_info             = "Apache-2.0"
  # Functions that still use an older version keep it.
  skip_destroy = true
}

data "archive_file" "package" {
  type        = "zip"
  source_dir  = "${path.module}/../function"
  output_path = "${path.module}/.terraform/package.zip"
}

data "aws_iam_policy_document" "lambda" {
  statement {
    actions = ["sts:AssumeRole"]
    principals {
      type        = "Service"
      identifiers = ["lambda.amazonaws.com"]
    }
  }
}

resource "aws_iam_role" "greet" {
  name_prefix        = "greet-"
  assume_role_policy = data.aws_iam_policy_document.lambda.json
}

resource "aws_iam_role_policy_attachment" "logs" {
  role       = aws_iam_role.greet.name
  policy_arn = "arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole"
}

resource "aws_lambda_function" "greet" {
  function_name    = "greet"
  role             = aws_iam_role.greet.arn
  filename         = data.archive_file.package.output_path
  source_code_hash = data.archive_file.package.output_base64sha256
  handler          = "supervisor.handler"
  runtime          = "python3.13"
  architectures    = ["x86_64"]
  memory_size      = 1024
  timeout          = 300
  layers           = [aws_lambda_layer_version.supervisor.arn]

  ephemeral_storage {
    size = 1024
  }

  environment {
    variables = {
      AWS_LAMBDA_EXEC_WRAPPER = "/opt/exec-wrapper"
    }
  }
}

output "function_name" {
  value = aws_lambda_function.greet.function_name
}
