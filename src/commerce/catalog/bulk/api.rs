//! Many changes of products in one request: each for itself, or all of them or none.

use crate::auth::principal::{Admin, Seller};
use crate::commerce::catalog::products::change::{self, ChangeFault};
use crate::commerce::catalog::staff;
use crate::context::Context;
use crate::http::{Body, Exchange, Expected, Json, Problem};
use crate::id::Id;
use crate::limits::{BULK_OPERATIONS_PER_COMMAND, BULK_WHOLE_OPERATIONS_MAX};
use crate::store::Tx;

use super::rules::{Task, tasks};
use super::shapes::{
    BulkReply, BulkRequest, OperationError, OperationFault, OperationResult, Verb,
};

/// `POST /api/v1/products/bulk`.
pub async fn run(
    context: &Context,
    admin: Admin,
    body: Body<BulkRequest>,
    _: &mut Exchange<'_>,
) -> Result<Json<BulkReply>, Problem> {
    let is_whole = body.value.all_or_nothing == Some(true);
    if is_whole && body.value.operations.len() > BULK_WHOLE_OPERATIONS_MAX {
        let detail = format!("must be at most {BULK_WHOLE_OPERATIONS_MAX} for all or nothing");
        let problem = Problem::invalid().code("bulk_too_long");
        return Err(problem.fault("/operations", "length", detail));
    }
    let tasks = tasks(body.value.operations.into_vec())
        .map_err(|faults| Problem::invalid().faults(faults))?;
    let seller = staff::seller(admin);
    let results = match is_whole {
        true => all_or_none(context, seller, tasks).await?,
        false => each(context, seller, tasks).await,
    };
    let failed = results
        .iter()
        .filter(|result| result.error.is_some())
        .count() as i64;
    Ok(Json(BulkReply {
        succeeded: results.len() as i64 - failed,
        failed,
        results,
    }))
}

/// What was done: the product, and its version unless it is gone.
type Done = (Id, Option<i64>);

/// Runs the tasks a few at a time, so that other writers need not wait for all of them. A task
/// that is refused has written nothing, so those beside it stand.
async fn each(context: &Context, seller: Seller, tasks: Vec<Task>) -> Vec<OperationResult> {
    let mut results = Vec::with_capacity(tasks.len());
    let mut tasks = tasks.into_iter().peekable();
    while tasks.peek().is_some() {
        let some: Vec<Task> = tasks.by_ref().take(BULK_OPERATIONS_PER_COMMAND).collect();
        let kinds: Vec<_> = some.iter().map(|task| (task.verb(), task.id())).collect();
        let command = move |tx: &mut Tx<'_>| {
            let mut outcomes = Vec::with_capacity(some.len());
            for task in some {
                match perform(tx, seller, task) {
                    Err(ChangeFault::Sql(fault)) => return Err(fault),
                    outcome => outcomes.push(outcome.map_err(Problem::from)),
                }
            }
            Ok(outcomes)
        };
        let outcomes = match context.house.commerce.write(command).await {
            Ok(Ok(outcomes)) => outcomes,
            Ok(Err(fault)) => none_of(kinds.len(), crate::store::StoreFault::from(fault).into()),
            Err(fault) => none_of(kinds.len(), fault.into()),
        };
        for ((verb, id), outcome) in kinds.into_iter().zip(outcomes) {
            results.push(told(results.len(), verb, id, outcome));
        }
    }
    results
}

/// Runs the tasks as one command; 409 with every operation that cannot be done.
async fn all_or_none(
    context: &Context,
    seller: Seller,
    tasks: Vec<Task>,
) -> Result<Vec<OperationResult>, Problem> {
    let verbs: Vec<Verb> = tasks.iter().map(Task::verb).collect();
    let command = move |tx: &mut Tx<'_>| {
        let mut done = Vec::with_capacity(tasks.len());
        let mut refused = Vec::new();
        for (index, task) in tasks.into_iter().enumerate() {
            match perform(tx, seller, task) {
                Err(ChangeFault::Sql(fault)) => return Err(Problem::from(ChangeFault::Sql(fault))),
                Err(fault) => refused.push((index, Problem::from(fault))),
                Ok(outcome) => done.push(outcome),
            }
        }
        if refused.is_empty() {
            Ok(done)
        } else {
            Err(refusal(refused))
        }
    };
    let done = context.house.commerce.write(command).await??;
    let done = done.into_iter().zip(verbs).enumerate();
    Ok(done
        .map(|(index, (done, verb))| told(index, verb, None, Ok(done)))
        .collect())
}

fn perform(tx: &mut Tx<'_>, seller: Seller, task: Task) -> Result<Done, ChangeFault> {
    let expected = |version: Option<i64>| match version {
        None => Expected::Any,
        Some(version) => Expected::Versions(vec![version]),
    };
    let (action, done, detail) = match task {
        Task::Create(new) => {
            let product = change::create(tx, seller, *new)?;
            let done = (product.id, Some(product.version));
            ("product.created", done, change::detail(&product))
        }
        Task::Update(id, version, update) => {
            let updated = change::update(tx, seller, id, &expected(version), *update)?;
            let done = (id, Some(updated.after.version));
            ("product.updated", done, updated.detail())
        }
        Task::Delete(id, version) => {
            let product = change::delete(tx, seller, id, &expected(version))?;
            ("product.deleted", (id, None), change::detail(&product))
        }
    };
    let subject = ("product", done.0);
    staff::note(tx, staff::actor(seller), action, subject, detail)?;
    Ok(done)
}

fn refusal(refused: Vec<(usize, Problem)>) -> Problem {
    let problem = Problem::new(409, "Nothing was done: some operations cannot be done.");
    let problem = problem.code("bulk_refused");
    refused.into_iter().fold(problem, |problem, (index, why)| {
        let mut problem = problem;
        if why.faults.is_empty() {
            let detail = if why.detail.is_empty() {
                "is not there".to_owned()
            } else {
                why.detail
            };
            return problem.fault(format!("/operations/{index}"), why.code, detail);
        }
        for fault in why.faults {
            let pointer = format!("/operations/{index}/product{}", fault.pointer);
            problem = problem.fault(pointer, fault.code, fault.detail);
        }
        problem
    })
}

fn none_of(count: usize, problem: Problem) -> Vec<Result<Done, Problem>> {
    (0..count).map(|_| Err(problem.clone())).collect()
}

fn told(index: usize, op: Verb, id: Option<Id>, outcome: Result<Done, Problem>) -> OperationResult {
    let status = match (&outcome, op) {
        (Err(problem), _) => i64::from(problem.status),
        (Ok(_), Verb::Create) => 201,
        (Ok(_), Verb::Update) => 200,
        (Ok(_), Verb::Delete) => 204,
    };
    let (done, error) = match outcome {
        Ok(done) => (Some(done), None),
        Err(problem) => (None, Some(error_of(problem))),
    };
    OperationResult {
        index: index as i64,
        op,
        status,
        id: done.map(|(id, _)| id).or(id),
        version: done.and_then(|(_, version)| version),
        error,
    }
}

fn error_of(problem: Problem) -> OperationError {
    let errors = problem.faults.into_iter().map(|fault| OperationFault {
        pointer: fault.pointer,
        code: fault.code.to_owned(),
        detail: fault.detail.into_owned(),
    });
    OperationError {
        code: problem.code.to_owned(),
        detail: problem.detail,
        errors: errors.collect(),
    }
}
