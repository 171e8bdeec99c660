//! What the operations of one request mean.

use crate::commerce::catalog::products::shapes::{CreateProduct, UpdateProduct};
use crate::id::Id;
use crate::json::{Change, Fault};

use super::shapes::{Operation, Verb};

/// One change, whole.
#[derive(Debug)]
pub enum Task {
    /// Makes a product.
    Create(Box<CreateProduct>),
    /// Changes a product that has this version, where one is named.
    Update(Id, Option<i64>, Box<UpdateProduct>),
    /// Deletes a product that has this version, where one is named.
    Delete(Id, Option<i64>),
}

impl Task {
    /// What it does.
    pub fn verb(&self) -> Verb {
        match self {
            Task::Create(_) => Verb::Create,
            Task::Update(..) => Verb::Update,
            Task::Delete(..) => Verb::Delete,
        }
    }

    /// The product that it names.
    pub fn id(&self) -> Option<Id> {
        match self {
            Task::Create(_) => None,
            Task::Update(id, ..) | Task::Delete(id, _) => Some(*id),
        }
    }
}

/// The tasks of the operations, or everything that they lack.
pub fn tasks(operations: Vec<Operation>) -> Result<Vec<Task>, Vec<Fault>> {
    let mut faults = Vec::new();
    let count = operations.len();
    let operations = operations.into_iter().enumerate();
    let tasks: Vec<Task> = operations
        .filter_map(|(index, operation)| task(index, operation, &mut faults))
        .collect();
    if faults.is_empty() {
        assert!(tasks.len() == count, "what is no task has a fault");
        Ok(tasks)
    } else {
        Err(faults)
    }
}

fn task(index: usize, operation: Operation, faults: &mut Vec<Fault>) -> Option<Task> {
    let mut missing = |field: &str| {
        faults.push(Fault {
            pointer: format!("/operations/{index}/{field}"),
            code: "required",
            detail: "is required".to_owned(),
        });
    };
    let Operation {
        op,
        id,
        version,
        product,
    } = operation;
    let version = version.map(|version| version.value());
    if op != Verb::Create && id.is_none() {
        missing("id");
    }
    if op != Verb::Delete && product.is_none() {
        missing("product");
    }
    match op {
        Verb::Create => created(product?, missing).map(|new| Task::Create(Box::new(new))),
        Verb::Update => Some(Task::Update(id?, version, Box::new(product?))),
        Verb::Delete => Some(Task::Delete(id?, version)),
    }
}

/// What is to be created, of the fields that an update has too.
fn created(product: UpdateProduct, mut missing: impl FnMut(&str)) -> Option<CreateProduct> {
    for (field, is_missing) in [
        ("name", product.name.is_none()),
        ("sku", product.sku.is_none()),
        ("price_amount", product.price_amount.is_none()),
        ("currency", product.currency.is_none()),
    ] {
        if is_missing {
            missing(&format!("product/{field}"));
        }
    }
    let set = |change: Change<Id>| change.over(None);
    Some(CreateProduct {
        name: product.name?,
        slug: product.slug,
        sku: product.sku?,
        description: product.description,
        specifications: product.specifications,
        price_amount: product.price_amount?,
        currency: product.currency?,
        category_id: set(product.category_id),
        vendor_id: set(product.vendor_id),
        status: product.status,
        attributes: product.attributes,
        images: product.images,
    })
}

#[cfg(test)]
mod tests {
    use super::super::shapes::BulkRequest;
    use super::*;

    fn read(text: &str) -> Result<Vec<Task>, Vec<String>> {
        let request: BulkRequest = crate::json::read_body(&mut text.as_bytes().to_vec()).unwrap();
        let place = |fault: Fault| fault.pointer;
        tasks(request.operations.into_vec())
            .map_err(|faults| faults.into_iter().map(place).collect())
    }

    #[test]
    fn every_missing_part_is_told() {
        let text = r#"{"operations": [
            {"op": "create", "product": {"name": "a", "currency": "EUR"}},
            {"op": "update"},
            {"op": "delete"},
            {"op": "create"}
        ]}"#;
        let expected = [
            "/operations/0/product/sku",
            "/operations/0/product/price_amount",
            "/operations/1/id",
            "/operations/1/product",
            "/operations/2/id",
            "/operations/3/product",
        ];
        assert_eq!(read(text).unwrap_err(), expected);
    }

    #[test]
    fn whole_operations_are_tasks() {
        let id = Id::of(1, [1; 10]);
        let text = format!(
            r#"{{"operations": [
                {{"op": "create", "product":
                    {{"name": "a", "sku": "s", "price_amount": 1, "currency": "EUR"}}}},
                {{"op": "update", "id": "{id}", "version": 3, "product": {{"name": "b"}}}},
                {{"op": "delete", "id": "{id}"}}
            ]}}"#
        );
        let tasks = read(&text).unwrap();
        assert!(matches!(&tasks[0], Task::Create(new) if &*new.sku == "s"));
        assert!(matches!(&tasks[1], Task::Update(of, Some(3), _) if *of == id));
        assert!(matches!(tasks[2], Task::Delete(of, None) if of == id));
    }
}
