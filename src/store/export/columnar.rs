//! Apache Parquet through its official library, without arrow.

use std::io::Write;
use std::sync::Arc;

use parquet::basic::{LogicalType, Repetition, Type as Physical};
use parquet::data_type::{
    BoolType, ByteArray, ByteArrayType, DataType, DoubleType, FloatType, Int64Type,
};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::{SerializedColumnWriter, SerializedFileWriter};
use parquet::schema::types::Type;

use super::failed;
use super::table::{Data, Table};
use crate::store::error::StoreError;

pub(super) struct Parquet<W: Write + Send> {
    writer: SerializedFileWriter<W>,
}

impl<W: Write + Send> Parquet<W> {
    pub(super) fn new(out: W, table: &Table) -> Result<Self, StoreError> {
        let schema = schema(table).map_err(|e| failed(&e))?;
        let properties = WriterProperties::builder()
            .set_created_by(concat!("steerscope ", env!("CARGO_PKG_VERSION")).to_owned())
            .build();
        let writer = SerializedFileWriter::new(out, Arc::new(schema), Arc::new(properties))
            .map_err(|e| failed(&e))?;
        Ok(Self { writer })
    }

    /// One row group.
    pub(super) fn write(&mut self, table: &Table) -> Result<(), StoreError> {
        self.group(table).map_err(|e| failed(&e))
    }

    fn group(&mut self, table: &Table) -> Result<(), ParquetError> {
        let mut group = self.writer.next_row_group()?;
        for column in &table.columns {
            let Some(mut writer) = group.next_column()? else {
                break;
            };
            match &column.data {
                Data::Text(values) => {
                    let bytes = |v: &String| ByteArray::from(v.as_bytes().to_vec());
                    put::<ByteArrayType, _>(&mut writer, values, bytes)?;
                }
                Data::Int(values) => put::<Int64Type, _>(&mut writer, values, |v| *v)?,
                Data::Float(values) => put::<FloatType, _>(&mut writer, values, |v| *v)?,
                Data::Double(values) => put::<DoubleType, _>(&mut writer, values, |v| *v)?,
                Data::Bool(values) => put::<BoolType, _>(&mut writer, values, |v| *v)?,
            }
            writer.close()?;
        }
        group.close()?;
        Ok(())
    }

    pub(super) fn finish(self) -> Result<W, StoreError> {
        self.writer.into_inner().map_err(|e| failed(&e))
    }
}

/// Every column is optional: level 1 where there is a value, 0 where there is none.
fn put<D: DataType, T>(
    writer: &mut SerializedColumnWriter<'_>,
    values: &[Option<T>],
    convert: impl Fn(&T) -> D::T,
) -> Result<(), ParquetError> {
    let levels: Vec<i16> = values.iter().map(|v| i16::from(v.is_some())).collect();
    let present: Vec<D::T> = values.iter().flatten().map(convert).collect();
    writer
        .typed::<D>()
        .write_batch(&present, Some(&levels), None)?;
    Ok(())
}

fn schema(table: &Table) -> Result<Type, ParquetError> {
    let fields = table.columns.iter().map(|column| {
        let (physical, logical) = match column.data {
            Data::Text(_) => (Physical::BYTE_ARRAY, Some(LogicalType::String)),
            Data::Int(_) => (Physical::INT64, None),
            Data::Float(_) => (Physical::FLOAT, None),
            Data::Double(_) => (Physical::DOUBLE, None),
            Data::Bool(_) => (Physical::BOOLEAN, None),
        };
        Type::primitive_type_builder(column.name, physical)
            .with_repetition(Repetition::OPTIONAL)
            .with_logical_type(logical)
            .build()
            .map(Arc::new)
    });
    Type::group_type_builder("runs")
        .with_fields(fields.collect::<Result<Vec<_>, _>>()?)
        .build()
}
